import type {Media} from '../media/port.js'
import {fitted, type Part, picturesOf} from '../vision/port.js'

/** Enough to see what happens between two of them in a clip of five seconds. */
const count = 16
/** Longer side in pixels. */
const side = 512
const maxFrames = 4000

/** Frames over the whole clip, each behind a label of ours. */
export async function labelledFrames(
  media: Pick<Media, 'decode' | 'probe'>,
  clip: string,
  signal: AbortSignal,
): Promise<Part[]> {
  const {width, height, rotation} = await media.probe(clip, signal)
  const shown = rotation === 90 || rotation === 270 ? {width: height, height: width} : {width, height}
  const frames = await media.decode(
    clip,
    {...fitted(shown, side), pixel: 'rgb24', pick: {count}, maxFrames, threads: 1},
    signal,
  )
  const pictures = picturesOf(frames)
  const last = Math.max(1, pictures.length - 1)
  return pictures.flatMap((picture, at): Part[] => [
    {text: `Frame ${at + 1} of ${pictures.length}, at ${Math.round((100 * at) / last)} % of the clip:`},
    {picture},
  ])
}
