import {mkdir, readdir, readFile, rename, rm, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import type {Clock} from '../runtime/clock.js'

const Kept = z.object({
  text: z.string(),
  servedBy: z.string(),
  usage: z.object({
    calls: z.number(),
    tokensIn: z.number(),
    tokensOut: z.number(),
    usd: z.number(),
    latencyMs: z.number(),
  }),
})
export type Kept = z.infer<typeof Kept>

const keptMs = 7 * 24 * 60 * 60_000

/** Answers by what was asked, one file each, for a week: what was paid for once is not paid for again after a restart. */
export class AnswerStore {
  readonly #folder: string
  readonly #time: Pick<Clock, 'now'>
  #swept = false

  constructor(folder: string, time: Pick<Clock, 'now'>) {
    this.#folder = folder
    this.#time = time
  }

  async find(key: string): Promise<Kept | undefined> {
    try {
      return Kept.parse(JSON.parse(await readFile(this.#file(key), 'utf8')))
    } catch {
      // Absent, or half a file of a machine that lost power: then it is asked again.
      return undefined
    }
  }

  async keep(key: string, answer: Kept): Promise<void> {
    await mkdir(this.#folder, {recursive: true, mode: 0o700})
    await this.#sweep()
    const file = this.#file(key)
    await writeFile(`${file}.part`, JSON.stringify(answer))
    await rename(`${file}.part`, file)
  }

  #file(key: string): string {
    return path.join(this.#folder, `${key}.json`)
  }

  async #sweep(): Promise<void> {
    if (this.#swept) return
    this.#swept = true
    for (const name of await readdir(this.#folder)) {
      const file = path.join(this.#folder, name)
      const {mtimeMs} = await stat(file).catch(() => ({mtimeMs: Number.POSITIVE_INFINITY}))
      if (mtimeMs < this.#time.now() - keptMs) await rm(file, {force: true})
    }
  }
}
