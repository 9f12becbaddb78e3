import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {copyFile, mkdir, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {pipeline} from 'node:stream/promises'
import type {Captioner} from '../../caption/port.js'
import {sha256} from '../../domain/canonical.js'
import {Sha256} from '../../domain/ids.js'
import type {Media} from '../../media/port.js'

/** What a local miner knows of one task: the answer, which no real miner ever sees. */
export interface HiddenClip {
  /** The clip that the task was cut from, in a copy of ours that outlives the round. */
  readonly clip: string
  /** PNG at the task's size; undefined for a task without a conditioning frame. */
  readonly firstFrame: string | undefined
  /** Names the source that the clip was cut from. */
  readonly source: Sha256
  /** Counts the tasks of this run from 1, so that a profile can answer some of them worse. */
  readonly ordinal: number
}

interface Known {
  /** Where the sampler has the clip. */
  readonly path: string
  readonly hidden: HiddenClip
  readonly keys: string[]
}

/** Clips of this many tasks are kept: the one being asked, and those that a late miner may still be at. */
const kept = 3

/**
 * Tells local miners the hidden original of the task they are asked for. It listens at the sampler's media and captioner
 * ports, so production code knows nothing of it; a task is named by what its miners receive, the image or the prompt.
 */
export class HiddenClips {
  readonly #folder: string
  #prepare: (hidden: HiddenClip, signal: AbortSignal) => Promise<void> = async () => {}
  readonly #byKey = new Map<string, HiddenClip>()
  readonly #known: Known[] = []
  #ordinal = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * What is done with a clip before the sampler goes on: local miners make their videos then, so that how fast this
   * machine is does not decide who meets the deadline.
   */
  beforeAsking(prepare: (hidden: HiddenClip, signal: AbortSignal) => Promise<void>): void {
    this.#prepare = prepare
  }

  findByImage(image: Uint8Array): HiddenClip | undefined {
    return this.#byKey.get(imageKey(image))
  }

  /** The latest clip when nobody captioned it: a task without a frame or a caption carries the sampler's own words. */
  findByPrompt(prompt: string): HiddenClip | undefined {
    return this.#byKey.get(promptKey(prompt)) ?? this.#known.at(-1)?.hidden
  }

  watchMedia(media: Media): Media {
    return {
      probe: (file, signal) => media.probe(file, signal),
      decode: (file, options, signal) => media.decode(file, options, signal),
      decodeViews: (file, views, options, signal) => media.decodeViews(file, views, options, signal),
      audio: (file, options, signal) => media.audio(file, options, signal),
      sceneCuts: (file, threshold, signal) => media.sceneCuts(file, threshold, signal),
      cut: async (file, to, options, signal) => {
        await media.cut(file, to, options, signal)
        await this.#remember(file, to)
      },
      firstFrame: async (file, size, signal) => {
        const png = await media.firstFrame(file, size, signal)
        const hidden = await this.#nameByImage(file, png)
        if (hidden) await this.#prepare(hidden, signal)
        return png
      },
    }
  }

  watchCaptioner(captioner: Captioner): Captioner {
    return {
      caption: async (request, signal) => {
        const caption = await captioner.caption(request, signal)
        const known = this.#find(request.clip)
        if (caption && known) {
          this.#name(known, promptKey(caption.text), known.hidden)
          await this.#prepare(known.hidden, signal)
        }
        return caption
      },
    }
  }

  #find(file: string): Known | undefined {
    return this.#known.findLast((known) => known.path === file)
  }

  async #remember(sourceFile: string, cutFile: string): Promise<void> {
    // The same place means the same task, tried again after a round that failed.
    const again = this.#find(cutFile)
    const ordinal = again?.hidden.ordinal ?? ++this.#ordinal
    if (again) this.#known.splice(this.#known.indexOf(again), 1)
    const clip = path.join(this.#folder, `${ordinal}.mp4`)
    await mkdir(this.#folder, {recursive: true})
    await copyFile(cutFile, clip)
    const source = await hashFile(sourceFile)
    this.#known.push({path: cutFile, hidden: {clip, firstFrame: undefined, source, ordinal}, keys: []})
    while (this.#known.length > kept) await this.#forget()
  }

  async #nameByImage(file: string, png: Uint8Array): Promise<HiddenClip | undefined> {
    const known = this.#find(file)
    if (!known) return undefined
    const firstFrame = path.join(this.#folder, `${known.hidden.ordinal}.png`)
    await writeFile(firstFrame, png)
    const hidden = {...known.hidden, firstFrame}
    // From now on it has a frame, whatever it is found by.
    this.#known[this.#known.indexOf(known)] = {...known, hidden}
    this.#name(known, imageKey(png), hidden)
    return hidden
  }

  #name({keys}: Known, key: string, hidden: HiddenClip): void {
    keys.push(key)
    this.#byKey.set(key, hidden)
  }

  async #forget(): Promise<void> {
    const oldest = this.#known.shift()
    if (!oldest) return
    // A window that is drawn again gives the same image: its key then belongs to the newer clip.
    for (const key of oldest.keys) if (this.#byKey.get(key)?.ordinal === oldest.hidden.ordinal) this.#byKey.delete(key)
    await rm(oldest.hidden.clip, {force: true})
    await rm(path.join(this.#folder, `${oldest.hidden.ordinal}.png`), {force: true})
  }
}

export async function hashFile(file: string): Promise<Sha256> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return Sha256.parse(hash.digest('hex'))
}

function imageKey(image: Uint8Array): string {
  return `image:${sha256(image)}`
}

function promptKey(prompt: string): string {
  return `prompt:${sha256(prompt.trim())}`
}
