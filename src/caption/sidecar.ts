import {LeomaError} from '../errors.js'
import type {Objects} from '../objects/port.js'
import type {Caption, Captioner, CaptionRequest} from './port.js'

const MAX_BYTES = 4096

/** The owner's own words: a text object beside the source, `shots/cup.txt` for `shots/cup.mp4`. */
export class SidecarCaptioner implements Captioner {
  readonly #sources: Objects

  constructor(sources: Objects) {
    this.#sources = sources
  }

  async caption(request: CaptionRequest, signal: AbortSignal): Promise<Caption | undefined> {
    const bytes = await this.#read(sidecarKey(request.sourceKey), signal)
    if (!bytes) return undefined
    const text = oneLine(new TextDecoder().decode(bytes))
    return text === '' ? undefined : {text, author: 'sidecar'}
  }

  async #read(key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return await this.#sources.getBytes(key, MAX_BYTES, signal)
    } catch (error) {
      // Only an absent text means that there is none: an unreachable store must not change the prompt.
      if (error instanceof LeomaError && error.code === 'OBJECT_MISSING') return undefined
      throw error
    }
  }
}

/** The key with its extension replaced; a dot in a folder's name is none. */
export function sidecarKey(sourceKey: string): string {
  return `${sourceKey.replace(/(?<=[^/])\.[^./]*$/, '')}.txt`
}

/** A prompt is one paragraph: line ends, tabs and control characters become single spaces. */
function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ').trim()
}
