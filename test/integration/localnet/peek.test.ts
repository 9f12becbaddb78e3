import {existsSync} from 'node:fs'
import {readFile, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {beforeEach, expect, test} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import type {Media} from '../../../src/media/port.js'
import {HiddenClips} from '../../../src/services/localnet/peek.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const {signal} = new AbortController()
const size = {width: 832, height: 480}
let dir: string
let hidden: HiddenClips
let media: Media

/** Cuts by copying and takes a text for a picture: what matters here is who is told what. */
const plainMedia: Media = {
  probe: () => Promise.reject(new Error('not asked for')),
  decode: () => Promise.reject(new Error('not asked for')),
  decodeViews: () => Promise.reject(new Error('not asked for')),
  sceneCuts: () => Promise.reject(new Error('not asked for')),
  audio: () => Promise.reject(new Error('not asked for')),
  cut: async (file, to, {startS}) => writeFile(to, `${await readFile(file, 'utf8')} from ${startS}`),
  firstFrame: async (file) => Buffer.from(`picture of ${await readFile(file, 'utf8')}`),
}

beforeEach(async () => {
  dir = tempFolder()
  hidden = new HiddenClips(path.join(dir, 'hidden'))
  media = hidden.watchMedia(plainMedia)
  await writeFile(path.join(dir, 'cup.mp4'), 'cup')
})

async function cutTask(taskId: number, startS = taskId): Promise<Uint8Array> {
  const clip = path.join(dir, `task-${taskId}.mp4`)
  await media.cut(path.join(dir, 'cup.mp4'), clip, {startS, durationS: 5}, signal)
  return media.firstFrame(clip, size, signal)
}

test('whoever has the conditioning image is told the clip it begins, in a copy that outlives the round', async () => {
  const image = await cutTask(1)

  const found = hidden.findByImage(image)

  expect(await readFile(found?.clip ?? '', 'utf8')).toBe('cup from 1')
  expect(await readFile(found?.firstFrame ?? '')).toEqual(Buffer.from(image))
  expect(found?.source).toBe(sha256('cup'))
  expect(hidden.findByImage(Buffer.from('another picture'))).toBeUndefined()
})

test('a task without an image is found by its prompt', async () => {
  const clip = path.join(dir, 'task-1.mp4')
  await media.cut(path.join(dir, 'cup.mp4'), clip, {startS: 1, durationS: 5}, signal)
  const captioner = hidden.watchCaptioner({caption: async () => ({text: 'a cup turns', author: 'test'})})
  await captioner.caption({clip, sourceKey: 'cup.mp4'}, signal)

  expect(await readFile(hidden.findByPrompt('a cup turns')?.clip ?? '', 'utf8')).toBe('cup from 1')
})

test('a round that is tried again is the same task: it does not count twice', async () => {
  await cutTask(1)
  const again = await cutTask(1)
  const next = await cutTask(2)

  expect(hidden.findByImage(again)?.ordinal).toBe(1)
  expect(hidden.findByImage(next)?.ordinal).toBe(2)
})

test('old clips are removed, those of the last tasks stay', async () => {
  const first = await cutTask(1)
  const file = hidden.findByImage(first)?.clip ?? ''
  const images = [await cutTask(2), await cutTask(3), await cutTask(4)]

  expect(hidden.findByImage(first)).toBeUndefined()
  expect(existsSync(file)).toBe(false)
  expect(images.map((image) => hidden.findByImage(image)?.ordinal)).toEqual([2, 3, 4])
})

test('a window that is drawn again belongs to the newer task, and stays known when the older one is forgotten', async () => {
  const same = await cutTask(1, 9)
  await cutTask(2, 9)
  await cutTask(3)
  await cutTask(4)

  expect(hidden.findByImage(same)?.ordinal).toBe(2)
})

test('what is prepared for a clip is ready before the sampler goes on', async () => {
  const prepared: number[] = []
  hidden.beforeAsking(async ({ordinal}) => void prepared.push(ordinal))

  await cutTask(1)

  expect(prepared).toEqual([1])
})
