import type {Chutes} from './chutes.js'
import type {HuggingFace} from './hugging-face.js'
import type {Chute, Model, Models} from './port.js'

/** Models on Hugging Face that run at Chutes. */
export class RemoteModels implements Models {
  readonly #chutes: Chutes
  readonly #huggingFace: HuggingFace

  constructor({chutes, huggingFace}: {readonly chutes: Chutes; readonly huggingFace: HuggingFace}) {
    this.#chutes = chutes
    this.#huggingFace = huggingFace
  }

  chute(chuteId: string, signal: AbortSignal): Promise<Chute | undefined> {
    return this.#chutes.chute(chuteId, signal)
  }

  model(name: string, revision: string, signal: AbortSignal): Promise<Model | undefined> {
    return this.#huggingFace.model(name, revision, signal)
  }

  warm(chuteIds: readonly string[], until: number, signal: AbortSignal): Promise<void> {
    return this.#chutes.warm(chuteIds, until, signal)
  }
}
