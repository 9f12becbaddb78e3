import {mkdir, readFile, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Captioner, SafetyCheck} from './port.js'

const Refused = z.record(z.string(), z.string())

/** Sources that were refused, by key with the reason, in a file: once is enough, whatever is cut from them next. */
export class RefusedSources {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  async reasonFor(sourceKey: string): Promise<string | undefined> {
    const all = await this.#read()
    return Object.hasOwn(all, sourceKey) ? all[sourceKey] : undefined
  }

  async add(sourceKey: string, reason: string): Promise<void> {
    const all = new Map(Object.entries(await this.#read())).set(sourceKey, reason)
    await mkdir(path.dirname(this.#file), {recursive: true})
    await writeFile(`${this.#file}.part`, JSON.stringify(Object.fromEntries(all), undefined, 2))
    await rename(`${this.#file}.part`, this.#file)
  }

  async #read(): Promise<z.infer<typeof Refused>> {
    let text: string
    try {
      text = await readFile(this.#file, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {}
      throw error
    }
    try {
      return Refused.parse(JSON.parse(text))
    } catch (cause) {
      throw new LeomaError('data', 'REFUSED_SOURCES_UNREADABLE', `${this.#file} is not a list of refused sources`, {
        hints: ['repair or remove it: sources in it are then looked at again'],
        cause,
      })
    }
  }
}

/**
 * Lets only suitable clips and prompts pass. Throws `SOURCE_UNSUITABLE`, which the sampler takes as a source to leave
 * out from now on.
 */
export function guarded(captioner: Captioner, safety: SafetyCheck, refused: RefusedSources): Captioner {
  return {
    async caption(request, signal) {
      const {clip, sourceKey} = request
      const before = await refused.reasonFor(sourceKey)
      if (before !== undefined) throw unsuitable(sourceKey, before)
      const caption = await captioner.caption(request, signal)
      if (!caption) return undefined
      const verdict = await safety.check({clip, prompt: caption.text, sourceKey}, signal)
      if (verdict.suitable) return caption
      await refused.add(sourceKey, verdict.reason)
      throw unsuitable(sourceKey, verdict.reason)
    },
  }
}

function unsuitable(sourceKey: string, reason: string): LeomaError {
  return new LeomaError('data', 'SOURCE_UNSUITABLE', `source ${sourceKey} is not used: ${reason}`, {
    hints: ['remove it from the source bucket', 'or its line from refused-sources.json, if the check was wrong'],
  })
}
