import {monitorEventLoopDelay} from 'node:perf_hooks'

/** How long this process kept everything waiting: measured all the time, forgotten when it is read. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({resolution: 10})

  constructor() {
    this.#histogram.enable()
  }

  /** Since the last reading, in seconds. What the measuring timer itself sleeps is in it: about 0.01 is no delay. */
  read(): {readonly max: number; readonly p99: number} {
    const {max, count} = this.#histogram
    const read = count === 0 ? {max: 0, p99: 0} : {max: max / 1e9, p99: this.#histogram.percentile(99) / 1e9}
    this.#histogram.reset()
    return read
  }

  stop(): void {
    this.#histogram.disable()
  }
}
