import type {Captioner} from './port.js'

/** Asks each in turn and takes the first that has something to say. A captioner that fails is a failure, not a pass. */
export function firstOf(captioners: readonly Captioner[]): Captioner {
  return {
    async caption(request, signal) {
      for (const captioner of captioners) {
        const caption = await captioner.caption(request, signal)
        if (caption) return caption
      }
      return undefined
    },
  }
}
