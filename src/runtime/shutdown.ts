type Closer = () => Promise<void> | void

/** Owns the one signal that stops everything, and what must be closed, in reverse order of opening. */
export class Shutdown {
  readonly #controller = new AbortController()
  readonly #closers: {name: string; close: Closer}[] = []
  #closing: Promise<void> | undefined

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Stops on SIGINT and SIGTERM; a second one leaves at once, because the operator has stopped waiting. */
  listen(): void {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.once(name, () => {
        process.once(name, () => process.exit(130))
        this.stop(name)
      })
    }
  }

  stop(reason: unknown = 'stop'): void {
    this.#controller.abort(reason instanceof Error ? reason : new DOMException(String(reason), 'AbortError'))
  }

  /** Registers what must be closed; runs when `close` is called. */
  add(name: string, close: Closer): void {
    this.#closers.push({name, close})
  }

  /** Closes everything once, newest first. A closer that fails does not keep the others open. */
  close(): Promise<void> {
    this.stop()
    this.#closing ??= (async () => {
      const failures: unknown[] = []
      for (const {name, close} of this.#closers.splice(0).reverse()) {
        try {
          await close()
        } catch (error) {
          failures.push(new Error(`closing ${name} failed`, {cause: error}))
        }
      }
      if (failures.length > 0) throw new AggregateError(failures, 'not everything could be closed')
    })()
    return this.#closing
  }
}
