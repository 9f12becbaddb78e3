import {stat} from 'node:fs/promises'
import {availableParallelism} from 'node:os'
import pLimit from 'p-limit'
import type {Media, View} from '../media/port.js'
import {fitted, type Picture, picturesOf} from '../vision/port.js'
import {Shared} from './shared.js'

export interface Look {
  readonly width: number
  readonly height: number
  /** Longer side of the pictures. */
  readonly side: number
  readonly count: number
}

/** More frames than a video of this program's tasks has, original clips of 240 frames a second included. */
const maxFrames = 4000
/** Conditioning frames and clips that are kept: those of the task being judged and of the one before it. */
const kept = 4

/** The same for whoever decodes the video anyway. */
export function viewOf({count, side, ...size}: Look): View {
  const picked = count === 1 ? ({pick: 'all', maxFrames: 1} as const) : {pick: {count}, maxFrames}
  return {...fitted(size, side), pixel: 'rgb24', ...picked}
}

/** Takes pictures from videos, as many at a time as there are processors. */
export class Looks {
  readonly #media: Pick<Media, 'decode'>
  readonly #decoding = pLimit(availableParallelism())
  readonly #shared = new Shared<readonly Picture[]>(kept)

  constructor(media: Pick<Media, 'decode'>) {
    this.#media = media
  }

  async take(file: string, look: Look, signal: AbortSignal): Promise<readonly Picture[]> {
    return picturesOf(await this.#decoding(() => this.#media.decode(file, {...viewOf(look), threads: 1}, signal)))
  }

  /** For what all outputs of a task share: read once, and the very same pictures each time, so that they are sent alike. */
  async takeShared(file: string, look: Look, signal: AbortSignal): Promise<readonly Picture[]> {
    const {dev, ino, size, mtimeNs} = await stat(file, {bigint: true})
    const key = JSON.stringify([file, `${dev}:${ino}:${size}:${mtimeNs}`, look])
    return this.#shared.get(key, () => this.take(file, look, signal), signal)
  }
}
