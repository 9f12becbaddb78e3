import {parentPort} from 'node:worker_threads'

/** One call of a function, see `threads.ts`. It imports nothing of ours, so that it also runs from source. */
export interface Job {
  readonly id: number
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly lent: readonly ArrayBuffer[]
}

export type Done = {readonly id: number; readonly lent: readonly ArrayBuffer[]} & (
  | {readonly answer: unknown}
  | {readonly error: unknown}
)

parentPort?.on('message', async ({id, module, name, args, lent}: Job) => {
  let done: Done
  try {
    const exports: Record<string, unknown> = await import(module)
    const work = exports[name]
    if (typeof work !== 'function') throw new TypeError(`${module} has no function ${name}`)
    done = {id, lent, answer: await work(...args)}
  } catch (error) {
    done = {id, lent, error}
  }
  parentPort?.postMessage(done, [...lent])
})
