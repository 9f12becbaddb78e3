import {type ChildProcess, fork} from 'node:child_process'
import {once} from 'node:events'
import {z} from 'zod'
import type {Command} from './api-server.js'

const Figures = z.record(z.string(), z.union([z.number(), z.string()]))

/** The owner's API in a process of its own. */
export class Server {
  readonly url: string
  readonly bareUrl: string
  readonly #child: ChildProcess

  constructor(child: ChildProcess, urls: {url: string; bareUrl: string}) {
    this.#child = child
    this.url = urls.url
    this.bareUrl = urls.bareUrl
  }

  static async start(file: string): Promise<Server> {
    const child = fork(new URL('./api-server.ts', import.meta.url), [file], {execArgv: ['--import', 'tsx']})
    const [urls] = await once(child, 'message')
    return new Server(child, z.object({url: z.string(), bareUrl: z.string()}).parse(urls))
  }

  /** How long the loop was held while `work` was done, at the longest, in milliseconds. */
  async longestHold(work: () => Promise<unknown>): Promise<number> {
    await this.tell({do: 'start watching'})
    await work()
    const {maxMs = Number.NaN} = await this.tell({do: 'stop watching'})
    return maxMs
  }

  async tell(command: Command): Promise<Record<string, number>> {
    this.#child.send(command)
    const [answer] = await once(this.#child, 'message')
    return Figures.parse(answer) as Record<string, number> // All figures here are numbers.
  }

  stop(): void {
    this.#child.kill()
  }
}
