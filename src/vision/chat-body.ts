import {LeomaError} from '../errors.js'
import type {JpegEncoder} from '../media/port.js'
import type {Refusable} from './failures.js'
import {wishesFor} from './parameters.js'
import type {Picture, Question} from './port.js'
import {wireSchema} from './strict-json.js'

export interface ChatBody {
  readonly [name: string]: unknown
}

/** Makes what is sent for a question. */
export class ChatBodies {
  readonly #jpeg: JpegEncoder
  readonly #encoded = new WeakMap<Picture, Promise<string>>()

  constructor(jpeg: JpegEncoder) {
    this.#jpeg = jpeg
  }

  async build(question: Question<unknown>, signal: AbortSignal): Promise<ChatBody> {
    const {model, instructions, parts, detail, answer, maxTokens, sampling, sample} = question
    const pictures = parts.flatMap((part) => ('picture' in part ? [part.picture] : []))
    const urls = await this.#urls(pictures, signal)
    const content = parts.map((part) =>
      'text' in part
        ? {type: 'text', text: part.text}
        : {type: 'image_url', image_url: {url: urls[pictures.indexOf(part.picture)], detail}},
    )
    return {
      model,
      messages: [
        {role: 'system', content: instructions},
        {role: 'user', content},
      ],
      response_format: {
        type: 'json_schema',
        json_schema: {name: answer.name, strict: true, schema: wireSchema(answer.schema)},
      },
      max_completion_tokens: maxTokens,
      ...wishesFor(model, sampling, sample),
    }
  }

  /** Samples of one question share their pictures: each is encoded once. */
  async #urls(pictures: readonly Picture[], signal: AbortSignal): Promise<string[]> {
    const fresh = pictures.filter((picture) => !this.#encoded.has(picture))
    if (fresh.length > 0) {
      const encoding = this.#jpeg.encode(fresh, signal)
      for (const [at, picture] of fresh.entries()) {
        const url = encoding.then((jpegs) => dataUrl(jpegs[at]))
        this.#encoded.set(picture, url)
        url.catch(() => this.#encoded.delete(picture))
      }
    }
    return Promise.all(pictures.map((picture) => this.#encoded.get(picture) ?? ''))
  }
}

export function without(body: ChatBody, refusedNames: ReadonlySet<Refusable>): ChatBody {
  const kept = Object.entries(body).filter(([name]) => !refusedNames.has(name as Refusable)) // widened for the lookup
  // Older servers know the limit under its former name.
  const limit = refusedNames.has('max_completion_tokens') ? {max_tokens: body.max_completion_tokens} : {}
  return {...Object.fromEntries(kept), ...limit}
}

function dataUrl(jpeg: Uint8Array | undefined): string {
  if (!jpeg) throw new LeomaError('bug', 'JPEG_MISSING', 'a picture was not encoded')
  return `data:image/jpeg;base64,${Buffer.from(jpeg).toString('base64')}`
}
