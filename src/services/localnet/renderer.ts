import {mkdir, rename, rm} from 'node:fs/promises'
import path from 'node:path'
import pLimit from 'p-limit'
import {LeomaError} from '../../errors.js'
import {withDeadline} from '../../runtime/deadline.js'
import {stray} from './attack-videos.js'
import {attackVideo, strayProfile} from './attacks.js'
import type {Render, Wanted} from './miners.js'
import type {HiddenClip} from './peek.js'
import {type Recipe, type RunFfmpeg, renderProfile, type VideoProfile, videoProfiles} from './recipes.js'

const renderDeadlineMs = 60_000

export interface RendererOptions {
  readonly folder: string
  readonly run: RunFfmpeg
  /** Footage that is not of this task's source. */
  readonly findOtherClip: (than: HiddenClip, signal: AbortSignal) => Promise<string | undefined>
  /** Videos rendered at the same time; ffmpeg takes one core for each. */
  readonly concurrency: number
  /** Ends everything; a single asker that hangs up does not, for others may want the same video. */
  readonly signal: AbortSignal
}

/** Renders each video of a task once, some at a time, whoever asks for it and how often. */
export function createRenderer(options: RendererOptions): Render {
  const limit = pLimit(options.concurrency)
  const made = new Map<string, {readonly ordinal: number; readonly file: Promise<string>}>()

  return async (profile, wanted, signal) => {
    const video = videoOfProfile(profile)
    if (!video) throw new LeomaError('bug', 'PROFILE_UNKNOWN', `no video is known for profile ${profile}`)
    const key = [wanted.hidden.ordinal, profile, wanted.width, wanted.height, wanted.frames, wanted.fps].join('-')
    let known = made.get(key)
    if (!known) {
      known = {ordinal: wanted.hidden.ordinal, file: limit(() => renderOne({profile, video}, wanted, key, options))}
      made.set(key, known)
      known.file.catch(() => made.delete(key))
      for (const [old, {ordinal, file}] of made) {
        if (ordinal > wanted.hidden.ordinal - 3) continue
        made.delete(old)
        file.then((gone) => rm(gone, {force: true})).catch(() => {})
      }
    }
    const file = await known.file
    signal.throwIfAborted()
    return file
  }
}

type Video = (recipe: Recipe, signal: AbortSignal) => Promise<void>

function videoOfProfile(profile: string): Video | undefined {
  const known: VideoProfile | undefined = videoProfiles.find((name) => name === profile)
  if (known) return (recipe, signal) => renderProfile(known, recipe, signal)
  return profile === strayProfile.name ? stray : attackVideo(profile)
}

/** Those that show footage of something else. */
const needOther = ['wrong-frame', 'attack-pasted-frame']

async function renderOne(
  {profile, video}: {readonly profile: string; readonly video: Video},
  wanted: Wanted,
  key: string,
  options: RendererOptions,
): Promise<string> {
  const {hidden, frames, fps, width, height} = wanted
  const to = path.join(options.folder, `${key}.mp4`)
  const partial = path.join(options.folder, `${key}.partial.mp4`)
  await mkdir(options.folder, {recursive: true})
  const otherClip = needOther.includes(profile) ? await options.findOtherClip(hidden, options.signal) : undefined
  const recipe = {
    clip: hidden.clip,
    // A task without a conditioning frame still has a picture to start from: the clip's first.
    firstFrame: hidden.firstFrame ?? hidden.clip,
    ...(otherClip === undefined ? {} : {otherClip}),
    answerIndex: hidden.ordinal - 1,
    ...{width, height, frames, fps, run: options.run, to: partial},
  }
  await withDeadline(`rendering ${profile}`, renderDeadlineMs, options.signal, (inner) => video(recipe, inner))
  await rename(partial, to)
  return to
}
