import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, describe, expect, it} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {checkGates, type GateOptions, type GateResult} from '../../../src/mechanisms/video/gates.js'
import {defaults as params} from '../../../src/mechanisms/video/params.js'
import {motionOf} from '../../../src/mechanisms/video/pictures.js'
import type {DecodeOptions, Frames, VideoInfo, View} from '../../../src/media/port.js'
import {grayFrames, hashNoise, type Paint, scene} from '../../helpers/frames.js'

const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-gates-'))
const {signal} = new AbortController()
const good = path.join(dir, 'good.mp4')
const firstFrame = path.join(dir, 'first.png')
writeFileSync(good, 'a video, says the media port')
writeFileSync(firstFrame, 'a picture, says the media port')

afterAll(() => rmSync(dir, {recursive: true, force: true}))

const claims: VideoInfo = {
  container: 'mp4',
  codec: 'h264',
  width: 832,
  height: 480,
  rotation: 0,
  fps: 16,
  durationS: 81 / 16,
  videoStreams: 1,
  audioStreams: 0,
}

interface Setup {
  readonly info?: Partial<VideoInfo>
  readonly paint?: Paint
  readonly count?: number
  readonly options?: Partial<GateOptions>
}

const unasked = () => Promise.reject(new Error('no views are wanted'))

/** A media port that answers as told, so that each gate is reached with everything before it in order. */
function gated({info = {}, paint = scene, count = 81, options = {}}: Setup = {}, file = good): Promise<GateResult> {
  const decode = async (of: string, {width, height, maxFrames}: DecodeOptions): Promise<Frames> => {
    if (of === firstFrame) return grayFrames(scene, {width, height, count: 1})
    const frames = grayFrames(paint, {width, height, count: Math.min(count, maxFrames)})
    return {...frames, truncated: count > maxFrames}
  }
  const media = {probe: async () => ({...claims, durationS: count / 16, ...info}), decode, decodeViews: unasked}
  return checkGates(file, {media, params, kind: 'ti2v', firstFrame, ...options}, signal)
}

describe('an output as it was asked for', () => {
  it('passes, with what was measured', async () => {
    const result = await gated()

    expect(result).toMatchObject({ok: true, measured: {frames: 81, fps: 16, first_frame_difference_luma: 0}})
  })

  it.each<[string, Partial<VideoInfo>]>([
    ['a little larger', {width: 864, height: 512}],
    ['lying on its side and turned upright by its header', {width: 480, height: 832, rotation: 90}],
    ['half a frame per second off', {fps: 15.5}],
    ['with sound', {audioStreams: 1}],
    ['in another codec', {codec: 'av1'}],
  ])('passes %s', async (_what, info) => {
    expect(await gated({info})).toMatchObject({ok: true})
  })

  it('passes with a few frames more', async () => {
    expect(await gated({count: 97})).toMatchObject({ok: true})
  })
})

describe('the first gate that fails names itself and the figures', () => {
  it.each<[string, Setup, RegExp]>([
    ['container', {info: {container: 'webm'}}, /container webm is not mp4/],
    ['codec', {info: {codec: 'mpeg4'}}, /codec mpeg4 is not one of h264/],
    ['streams', {info: {videoStreams: 2}}, /2 video streams instead of one/],
    ['resolution', {info: {width: 865}}, /865×480 is not 832×480 within 32 pixels/],
    ['resolution', {info: {width: 480, height: 832}}, /480×832/],
    ['fps', {info: {fps: 24}}, /24 fps is not 16 ± 0.5/],
    ['fps', {info: {fps: Number.NaN}}, /fps/],
    ['frames', {count: 80}, /80 frames instead of 81/],
    ['frames', {count: 98}, /more than 97 frames; 81 were asked for/],
    ['duration', {info: {durationS: 20}}, /it says 20 s, but its 81 frames last 5.06 s/],
    ['motion', {paint: (x, y) => scene(x, y, 0)}, /nothing moves: 0 of 255/],
    [
      'held_frames',
      {paint: (x, y, f) => scene(x, y, f - (f % 4))},
      /^7\d(\.\d+)? % of its frames only hold the one before$/,
    ],
    [
      'detail',
      {paint: (x, y, f) => 100 + 0.3 * (scene(x, y, f) - 100)},
      /keeps \d+(\.\d+)? % of the given frame's detail, as if enlarged/,
    ],
    [
      'first_frame',
      {paint: (x, y, f) => (f < 3 ? 255 - 255 * ((x >> 3) % 2) : scene(x, y, f))},
      /from the given frame/,
    ],
  ])('%s', async (gate, setup, reason) => {
    // Checkers are about 130 from the scene; the default limit leaves that to the judge.
    const strict = {...params, gates: {...params.gates, maxFirstFrameDistance: 60}}

    const result = await gated({...setup, options: {params: strict}})

    expect(result).toMatchObject({ok: false, gate})
    expect(result.ok ? '' : result.reason).toMatch(reason)
  })

  it('keeps names from the file out of the reason unless they are names', async () => {
    const result = await gated({info: {codec: '<b>\n\u202e'.repeat(20)}})

    expect(result.ok ? '' : result.reason).toMatch(/^codec [\w.?-]{1,32} is not one of/)
  })

  it('empty and too large, before anything is read', async () => {
    const empty = path.join(dir, 'empty.mp4')
    writeFileSync(empty, '')
    const small = {...params, request: {...params.request, maxBytes: 10}}

    expect(await gated({}, empty)).toMatchObject({ok: false, gate: 'empty'})
    expect(await gated({options: {params: small}})).toMatchObject({ok: false, gate: 'too_large'})
  })
})

describe('motion', () => {
  const motion = (paint: Paint) => motionOf(grayFrames(paint, {count: 81}), 16)

  it('is not grain, and not a lamp that changes', () => {
    expect(motion((x, y, f) => scene(x, y, 0) + 3 * hashNoise(x, y, f))).toBeLessThan(params.gates.minMotion)
    expect(motion((x, y, f) => scene(x, y, 0) + 10 * Math.sin(f))).toBeLessThan(params.gates.minMotion)
  })

  it('is a pan of four pixels of the full picture in a second', () => {
    expect(motion((x, y, f) => scene(x + f / 16, y, 0))).toBeGreaterThan(params.gates.minMotion)
  })

  it('is none in a single frame', () => {
    expect(motionOf(grayFrames(scene, {count: 1}), 16)).toBe(0)
  })
})

describe('the first frame', () => {
  it('is not asked of a task without one', async () => {
    const result = await gated({paint: (x, y, f) => 255 - scene(x, y, f), options: {kind: 't2v'}})

    expect(result).toMatchObject({ok: true})
  })

  it('is decoded once for all outputs of a task', async () => {
    const asked: string[] = []
    const media = {
      probe: async () => claims,
      decode: async (file: string, {width, height}: DecodeOptions) => {
        asked.push(path.basename(file))
        return grayFrames(scene, {width, height, count: file === firstFrame ? 1 : 81})
      },
      decodeViews: unasked,
    }

    for (const _ of [1, 2, 3]) await checkGates(good, {media, params, kind: 'i2v', firstFrame}, signal)

    expect(asked.sort()).toEqual(['first.png', 'good.mp4', 'good.mp4', 'good.mp4'])
  })
})

describe('views that a judge wants', () => {
  const view = {width: 416, height: 240, pixel: 'gray', pick: {fps: 1}, maxFrames: 6} as const
  const draw = ({width, height, maxFrames}: View) => grayFrames(scene, {width, height, count: Math.min(maxFrames, 81)})
  const decode = async (file: string, {width, height}: DecodeOptions) =>
    grayFrames(scene, {width, height, count: file === firstFrame ? 1 : 81})

  it('come from the decode that the gates need anyway', async () => {
    const decoded: string[] = []
    const media = {
      probe: async () => claims,
      decode: (file: string, options: DecodeOptions) => {
        decoded.push(path.basename(file))
        return decode(file, options)
      },
      decodeViews: async (_file: string, views: readonly View[]) => views.map(draw),
    }

    const result = await checkGates(good, {media, params, kind: 'ti2v', firstFrame, views: [view]}, signal)

    expect(result).toMatchObject({ok: true, seen: [{width: 416, height: 240, count: 6}]})
    expect(decoded).toEqual(['first.png'])
    expect(result.measured).toEqual((await gated()).measured)
  })

  it('change neither gate nor words of a video that cannot be read', async () => {
    const refuse = (words: string) => () => Promise.reject(new LeomaError('data', 'VIDEO_UNREADABLE', words))
    const media = {probe: async () => claims, decode: refuse('as always'), decodeViews: refuse('by another graph')}

    const result = await checkGates(good, {media, params, kind: 'ti2v', firstFrame, views: [view]}, signal)

    expect(result).toMatchObject({ok: false, gate: 'unreadable', reason: 'no video can be read: as always'})
  })

  it('are left to the judge when only they could not be had', async () => {
    const decodeViews = () => Promise.reject(new LeomaError('data', 'VIDEO_UNREADABLE', 'no frame at that rate'))
    const media = {probe: async () => claims, decode, decodeViews}

    const result = await checkGates(good, {media, params, kind: 'ti2v', firstFrame, views: [view]}, signal)

    expect(result).toMatchObject({ok: true, seen: undefined})
  })
})

describe('whose fault it is', () => {
  const failing = (error: unknown) => {
    const fails = () => Promise.reject(error)
    const media = {probe: fails, decode: fails, decodeViews: fails}
    return checkGates(good, {media, params, kind: 'ti2v', firstFrame}, signal)
  }

  it('is the output when its bytes cannot be read', async () => {
    const unreadable = new LeomaError('data', 'VIDEO_UNREADABLE', 'good.mp4 is not a video: it is an HTML or XML page')

    expect(await failing(unreadable)).toMatchObject({
      ok: false,
      gate: 'unreadable',
      reason: 'no video can be read: the answer is not a video: it is an HTML or XML page',
    })
  })

  it('is ours when the program fails: then there is no answer', async () => {
    const ours = new LeomaError('upstream', 'MEDIA_FAILED', 'no space left on device')

    await expect(failing(ours)).rejects.toBe(ours)
  })
})
