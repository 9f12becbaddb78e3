import {describe, expect, it} from 'vitest'
import {MeasuredCaptioner} from '../../../src/caption/measured.js'
import {knownClips} from '../../helpers/real-clips.js'
import {h264, make, media, never, useFolder} from '../media/videos.js'

describe('a measured caption', () => {
  const file = useFolder()
  const captioner = new MeasuredCaptioner(media)
  const caption = async (clip: string) => (await captioner.caption({clip, sourceKey: 'any.mp4'}, never))?.text ?? ''
  const count = (text: string) => text.split(' ').length

  /** Three seconds of a coloured landscape under a moving camera. */
  const pan = (name: string, x: string, y: string) => {
    const land = 'life=s=44x24:ratio=0.45:random_seed=7:life_color=#e08040:death_color=#203060,trim=end_frame=1'
    const move = `scale=1320:720:flags=bicubic,loop=-1:1,setpts=N/(16*TB),fps=16,crop=640:360:x='${x}':y='${y}'`
    return make(file(name), ['-f', 'lavfi', '-i', `${land},${move}`, '-t', '3', ...h264])
  }

  it('names direction, colours and itself, in fifty to ninety words', async () => {
    const text = await caption(await pan('right.mp4', '100*t', '100'))

    // The camera goes right, so what it shows goes left.
    expect(text).toMatch(/^The whole view slides steadily left, about 1[4-7] percent/)
    expect(text).toMatch(/mainly .*(orange|blue)/)
    expect(text).toContain('as measured')
    expect(count(text)).toBeGreaterThanOrEqual(50)
    expect(count(text)).toBeLessThanOrEqual(90)
  })

  it('differs for clips that move differently, and never for the same bytes', async () => {
    const clips = [
      await pan('left.mp4', '600-100*t', '100'),
      await pan('up.mp4', '300', '300-80*t'),
      await pan('fast.mp4', '200*t', '100'),
      await pan('still.mp4', '300', '100'),
    ]

    const once = await Promise.all(clips.map(caption))
    const again = await Promise.all(clips.map(caption))

    expect(new Set(once).size).toBe(clips.length)
    expect(again).toEqual(once)
  })

  it.runIf(knownClips().length > 0)('has something to say of filmed clips', async () => {
    const texts = await Promise.all(knownClips().map(caption))

    expect(new Set(texts).size).toBe(texts.length)
    for (const text of texts) {
      expect(count(text)).toBeGreaterThanOrEqual(50)
      expect(count(text)).toBeLessThanOrEqual(90)
    }
  })
})
