import {randomUUID} from 'node:crypto'
import {link, mkdir, readdir, stat, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {describe, expect, it} from 'vitest'
import {clipRecipe, ensureClips} from '../../../src/services/localnet/clips.js'
import {generatedClips} from '../../helpers/generated-clips.js'
import {make, media, never, picture, run, useFolder} from './videos.js'

describe('source clips for the local network', () => {
  const folder = useFolder()
  const luma = {width: 208, height: 120, pixel: 'gray', maxFrames: 1000} as const

  const distance = (a: Uint8Array, b: Uint8Array) => {
    let sum = 0
    for (let i = 0; i < a.length; i++) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
    return sum / a.length
  }

  it('are varied, move all the time, and leave room for a window', async () => {
    const made: string[] = []
    // Most of the series is there already: other tests use it, too.
    const present = await generatedClips()
    await mkdir(folder('clips'))
    for (const clip of present) await link(clip, folder(`clips/${path.basename(clip)}`))

    const clips = await ensureClips(folder('clips'), 8, {run, signal: never, onProgress: ({name}) => made.push(name)})

    expect(made).toHaveLength(8 - present.length)
    const infos = await Promise.all(clips.map((clip) => media.probe(clip, never)))
    expect(new Set(infos.map(({width, height}) => `${width}×${height}`)).size).toBeGreaterThanOrEqual(5)
    expect(new Set(infos.map(({fps}) => Math.round(fps))).size).toBeGreaterThanOrEqual(3)
    let cutAway = 0
    for (const clip of clips) {
      const frames = await media.decode(clip, {...luma, pick: 'all'}, never)
      for (let i = 1; i < frames.count; i++)
        expect(distance(picture(frames, i), picture(frames, i - 1)), `${clip} at frame ${i}`).toBeGreaterThan(0.8)
      const {cuts, durationS} = await media.sceneCuts(clip, 0.18, never)
      cutAway += cuts.length
      // The longest shot must hold two safe seconds, five of the clip and the margins.
      const edges = [0, ...cuts, durationS]
      expect(Math.max(...edges.slice(1).map((edge, i) => edge - edges[i]!)), clip).toBeGreaterThan(7.5)
      expect((await stat(clip)).size, clip).toBeGreaterThan(1_000_000)
    }
    expect(cutAway).toBeGreaterThanOrEqual(1)
  })

  it('do not look like a still or a zoom after a moment', async () => {
    const clips = await ensureClips(folder('clips'), 8, {run, signal: never})

    for (const clip of clips) {
      const frames = await media.decode(clip, {...luma, pick: {fps: 16}}, never)
      const [start, later] = [picture(frames, 56), picture(frames, 56 + 40)]
      expect(distance(start, later), clip).toBeGreaterThan(10)
    }
  })

  it('stay close to the source when they are encoded again', async () => {
    const clips = await ensureClips(folder('clips'), 8, {run, signal: never})

    for (const clip of clips) {
      const fit = ['-vf', 'scale=832:480:force_original_aspect_ratio=increase,crop=832:480,fps=16']
      const window = ['-ss', '3', '-t', '0.5', '-i', clip, ...fit, '-c:v', 'libx264', '-preset', 'ultrafast']
      const again = await make(folder('again.mp4'), [...window, '-crf', '20'])
      const exact = await make(folder('exact.mp4'), [...window, '-crf', '1'])
      const [a, b] = await Promise.all(
        [again, exact].map((video) => media.decode(video, {...luma, pick: 'all'}, never)),
      )
      expect(distance(a!.data, b!.data), clip).toBeLessThan(2)
    }
  })

  it('that exist are kept', async () => {
    const before = await readdir(folder('clips'))
    const made: string[] = []

    await ensureClips(folder('clips'), 8, {run, signal: never, onProgress: ({name}) => made.push(name)})

    expect(made).toEqual([])
    expect(await readdir(folder('clips'))).toEqual(before)
  })

  it('are made again only where a run was stopped in the middle', async () => {
    const stop = new AbortController()
    const making = ensureClips(folder('stopped'), 4, {run, signal: stop.signal, onProgress: () => stop.abort()})

    await expect(making).rejects.toThrow()
    const left = await readdir(folder('stopped'))
    expect(left.filter((name) => name.endsWith('.part'))).toEqual([])
    expect(left.length).toBeGreaterThanOrEqual(1)
    expect(left.length).toBeLessThan(4)
  })

  it('never run out, and no two have the same recipe', () => {
    const recipes = Array.from({length: 40}, (_, index) => clipRecipe(index))

    expect(new Set(recipes.map(({name}) => name)).size).toBe(40)
    expect(new Set(recipes.map(({graph}) => graph)).size).toBe(40)
  })

  it('fail with the program, not with the clip, when ffmpeg cannot make them', async () => {
    const mark = randomUUID()
    await writeFile(folder(mark), '')

    // A file stands where the folder should be.
    await expect(ensureClips(folder(mark), 1, {run, signal: never})).rejects.toMatchObject({code: 'EEXIST'})
  })
})
