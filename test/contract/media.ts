import {writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import type {Media} from '../../src/media/port.js'
import {knownClips} from '../helpers/real-clips.js'
import {card, h264, make, never, picture, run, useFolder} from '../integration/media/videos.js'

/** What every adapter of the media port must do. */
export function mediaContract(name: string, media: Media): void {
  describe(`${name} keeps the media contract`, () => {
    const file = useFolder()
    const gray = {width: 52, height: 30, pixel: 'gray', maxFrames: 1000} as const

    describe('probe', () => {
      it.each([
        ['mp4', 'mp4', 'h264', [...h264, '-f', 'mp4']],
        ['mov', 'mov', 'h264', [...h264, '-f', 'mov']],
        ['mkv', 'matroska', 'hevc', ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=0']],
        ['webm', 'webm', 'vp9', ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8']],
        ['avi', 'avi', 'mpeg4', ['-c:v', 'mpeg4']],
      ])('tells what a %s holds, and decodes all of it', async (extension, container, codec, encoder) => {
        const video = await make(file(`kinds.${extension}`), [
          ...card({size: '176x144', fps: 16, seconds: 2}),
          ...encoder,
        ])

        const info = await media.probe(video, never)
        const frames = await media.decode(video, {...gray, pick: 'all'}, never)

        expect(info).toMatchObject({
          container,
          codec,
          width: 176,
          height: 144,
          rotation: 0,
          videoStreams: 1,
          audioStreams: 0,
        })
        expect(info.fps).toBeCloseTo(16, 1)
        expect(info.durationS).toBeCloseTo(2, 1)
        expect(frames.count).toBe(32)
      })

      it('counts streams', async () => {
        const streams = ['-map', '0', '-map', '1', '-map', '2', ...h264, '-c:a', 'aac', '-shortest']
        const sound = ['-f', 'lavfi', '-i', 'sine=d=1']
        const video = await make(file('streams.mp4'), [...card(), ...card({size: '64x64'}), ...sound, ...streams])

        expect(await media.probe(video, never)).toMatchObject({videoStreams: 2, audioStreams: 1, width: 160})
      })

      it('says how a phone held the camera', async () => {
        const plain = await make(file('plain.mp4'), [...card(), ...h264])
        const turned = ['-display_rotation:v:0', '-90', '-i', plain, '-c', 'copy']
        const video = await make(file('turned.mp4'), turned)

        expect(await media.probe(video, never)).toMatchObject({width: 160, height: 120, rotation: 90})
      })
    })

    describe('decode', () => {
      it('gives every frame as coded, in the asked size and pixels', async () => {
        const video = await make(file('all.mp4'), [...card(), ...h264])

        const rgb = await media.decode(video, {...gray, pixel: 'rgb24', pick: 'all'}, never)

        expect(rgb).toMatchObject({width: 52, height: 30, channels: 3, count: 32, truncated: false})
        expect(rgb.data.length).toBe(32 * 52 * 30 * 3)
      })

      it('spaces frames evenly from the first to the last', async () => {
        const video = await make(file('spaced.mp4'), [...card(), ...h264])

        const all = await media.decode(video, {...gray, pick: 'all'}, never)
        const five = await media.decode(video, {...gray, pick: {count: 5}}, never)

        expect(five).toMatchObject({count: 5, truncated: false})
        for (const [i, place] of [0, 8, 16, 23, 31].entries())
          expect(picture(five, i).equals(picture(all, place)), `frame ${i}`).toBe(true)
      })

      it('finds first and last although the file claims more packets than it shows', async () => {
        const whole = await make(file('whole.mp4'), [...card({seconds: 4}), ...h264, '-g', '64'])
        // Copied from the middle of a group: the packets before the start are there, and an edit list hides them.
        const video = await make(file('edited.mp4'), ['-ss', '1.5', '-i', whole, '-c', 'copy'])

        const claimed = (await media.probe(video, never)).fps * (await media.probe(video, never)).durationS
        const all = await media.decode(video, {...gray, pick: 'all'}, never)
        const five = await media.decode(video, {...gray, pick: {count: 5}}, never)

        expect(Math.round(claimed)).toBeGreaterThan(all.count)
        expect(five.count).toBe(5)
        expect(picture(five, 0).equals(picture(all, 0))).toBe(true)
        expect(picture(five, 4).equals(picture(all, all.count - 1))).toBe(true)
        expect(await media.decodeViews(video, [{...gray, pick: {count: 5}}], {maxFrames: 500}, never)).toEqual([five])
      })

      it('gives all frames once when more are asked for than there are', async () => {
        const video = await make(file('few.mp4'), [...card({seconds: 0.25}), ...h264])

        expect((await media.decode(video, {...gray, pick: {count: 12}}, never)).count).toBe(4)
        expect((await media.decode(video, {...gray, pick: {count: 1}}, never)).count).toBe(1)
      })

      it('resamples to a rate', async () => {
        const video = await make(file('rate.mp4'), [...card({fps: 30, seconds: 2}), ...h264])

        expect((await media.decode(video, {...gray, pick: {fps: 16}}, never)).count).toBe(32)
        expect((await media.decode(video, {...gray, pick: {fps: 60}}, never)).count).toBe(120)
      })

      it('keeps the frames of a variable rate as they are', async () => {
        const uneven = ['-vf', "select='not(mod(n,5))+gt(n,40)'", '-fps_mode', 'vfr']
        const video = await make(file('vfr.mp4'), [...card({fps: 30, seconds: 2}), ...uneven, ...h264])

        const all = await media.decode(video, {...gray, pick: 'all'}, never)
        const three = await media.decode(video, {...gray, pick: {count: 3}}, never)

        expect(all.count).toBe(9 + 19)
        expect(picture(three, 2).equals(picture(all, 27))).toBe(true)
      })

      it.each(['all', {count: 4}, {fps: 16}] as const)('stops at maxFrames with %j and says so', async (pick) => {
        const video = await make(file('long.mp4'), [...card({seconds: 4}), ...h264])

        const frames = await media.decode(video, {...gray, pick, maxFrames: 10}, never)

        expect(frames.truncated).toBe(true)
        expect(frames.count).toBeLessThanOrEqual(10)
        expect(frames.data.length).toBe(frames.count * 52 * 30)
      })

      it('is not truncated when the video ends exactly at maxFrames', async () => {
        const video = await make(file('exact.mp4'), [...card(), ...h264])

        for (const pick of ['all', {count: 4}, {fps: 16}] as const)
          expect((await media.decode(video, {...gray, pick, maxFrames: 32}, never)).truncated).toBe(false)
      })

      it('covers the size and crops the middle', async () => {
        const stripes = 'color=red:s=64x96,pad=320:96:128:0:blue'
        const video = await make(file('wide.mp4'), [
          '-f',
          'lavfi',
          '-i',
          stripes,
          '-frames:v',
          '3',
          ...h264,
          '-crf',
          '1',
        ])

        const {data} = await media.decode(
          video,
          {width: 32, height: 48, pixel: 'rgb24', pick: 'all', maxFrames: 9},
          never,
        )

        for (let i = 0; i < data.length; i += 3) {
          expect(data[i]!).toBeGreaterThan(200)
          expect(data[i + 2]!).toBeLessThan(60)
        }
      })

      it('shows a turned video upright', async () => {
        const plain = await make(file('upright.mp4'), [
          ...['-f', 'lavfi', '-i', 'color=white:s=120x80,pad=240:80:0:0:black', '-frames:v', '3', ...h264],
        ])
        const video = await make(file('clockwise.mp4'), ['-display_rotation:v:0', '-90', '-i', plain, '-c', 'copy'])

        const {data} = await media.decode(
          video,
          {width: 8, height: 24, pixel: 'gray', pick: 'all', maxFrames: 9},
          never,
        )

        // White was on the left; a quarter turn clockwise brings it to the top.
        expect(data[3 * 8 + 4]!).toBeGreaterThan(230)
        expect(data[20 * 8 + 4]!).toBeLessThan(25)
      })

      it('takes odd and extreme sizes', async () => {
        const odd = await make(file('odd.webm'), [...card({size: '161x93'}), '-c:v', 'libvpx-vp9', '-cpu-used', '8'])
        const thin = await make(file('thin.mp4'), [...card({size: '16x2048'}), ...h264])

        expect((await media.decode(odd, {...gray, pick: 'all'}, never)).count).toBe(32)
        expect((await media.decode(thin, {...gray, pick: 'all'}, never)).count).toBe(32)
      })

      it('spreads luma over 0 to 255', async () => {
        const video = await make(file('levels.mp4'), [
          ...['-f', 'lavfi', '-i', 'color=black:s=64x64:d=0.1,pad=128:64:0:0:white', ...h264, '-crf', '1'],
        ])

        const {data} = await media.decode(
          video,
          {width: 128, height: 64, pixel: 'gray', pick: 'all', maxFrames: 9},
          never,
        )

        expect(data[32 * 128 + 10]).toBe(0)
        expect(data[32 * 128 + 118]).toBe(255)
      })

      it('gives the same bytes for the same file, whatever the number of threads', async () => {
        const video = await make(file('same.mp4'), [...card({size: '320x180'}), ...h264])
        const decode = async (threads: number) =>
          Buffer.from((await media.decode(video, {...gray, pixel: 'rgb24', pick: {count: 12}, threads}, never)).data)

        const [once, again, alone] = [await decode(2), await decode(2), await decode(1)]

        expect(once.equals(again)).toBe(true)
        expect(once.equals(alone)).toBe(true)
      })
    })

    describe('decodeViews', () => {
      const views = [
        {...gray, pick: 'all'},
        {width: 64, height: 36, pixel: 'rgb24', pick: {fps: 1}, maxFrames: 3},
        {...gray, pick: {fps: 16}, maxFrames: 20},
        {width: 26, height: 30, pixel: 'gray', pick: {fps: 7}, maxFrames: 50},
        {width: 48, height: 32, pixel: 'rgb24', pick: {count: 5}, maxFrames: 200},
      ] as const
      const limit = {maxFrames: 200, threads: 1}

      it.each<[string, readonly string[]]>([
        ['a plain video', [...card({fps: 16}), ...h264]],
        ['another rate', [...card({fps: 25, seconds: 3}), ...h264]],
        [
          'a variable rate',
          [...card({fps: 30}), '-vf', "select='not(mod(n,5))+gt(n,40)'", '-fps_mode', 'vfr', ...h264],
        ],
        ['one that does not begin at zero', [...card(), '-vf', 'setpts=PTS+1.37/TB', ...h264]],
        [
          '10-bit colour in full range',
          [
            ...card(),
            '-vf',
            'scale=out_range=pc,format=yuv420p10le',
            '-c:v',
            'libx265',
            '-preset',
            'ultrafast',
            '-x265-params',
            'log-level=0',
          ],
        ],
        ['an odd size', [...card({size: '161x93'}), '-pix_fmt', 'yuv444p', '-c:v', 'libx264', '-preset', 'ultrafast']],
      ])('gives to the last byte what each decode gives alone: %s', async (name, args) => {
        const video = await make(file(`views-${name.replaceAll(' ', '-')}.mp4`), args)

        const together = await media.decodeViews(video, views, limit, never)

        for (const [i, view] of views.entries()) {
          const alone = await media.decode(video, {...view, threads: 1}, never)
          expect({...together[i], data: ''}, `view ${i}`).toEqual({...alone, data: ''})
          expect(Buffer.compare(together[i]?.data ?? Buffer.of(), alone.data), `view ${i}`).toBe(0)
        }
      })

      it('turns what a phone turned', async () => {
        const plain = await make(file('views-plain.mp4'), [...card(), ...h264])
        const video = await make(file('views-turned.mp4'), ['-display_rotation:v:0', '-90', '-i', plain, '-c', 'copy'])

        const [upright] = await media.decodeViews(video, [views[0]], limit, never)

        expect(Buffer.compare(upright?.data ?? Buffer.of(), (await media.decode(video, views[0], never)).data)).toBe(0)
      })

      it('sees no more frames than it may, and says when there are more', async () => {
        const video = await make(file('views-long.mp4'), [...card({seconds: 4}), ...h264])

        const [all, rare] = await media.decodeViews(
          video,
          [
            {...gray, pick: 'all', maxFrames: 10},
            {...gray, pick: {fps: 4}},
          ],
          {maxFrames: 10},
          never,
        )

        expect(all).toMatchObject({count: 10, truncated: true})
        expect(rare?.count).toBeLessThanOrEqual(3)
      })

      it('refuses what cannot be decoded', async () => {
        await writeFile(file('views-page.mp4'), '<!doctype html>')

        await expect(media.decodeViews(file('views-page.mp4'), views, limit, never)).rejects.toMatchObject({
          code: 'VIDEO_UNREADABLE',
        })
      })
    })

    describe('cut', () => {
      it('starts at the exact frame, keeps size and rate, and drops sound', async () => {
        const sound = ['-f', 'lavfi', '-i', 'sine=d=4']
        const source = await make(file('source.mp4'), [...card({fps: 25, seconds: 4}), ...sound, ...h264, '-g', '100'])

        await media.cut(source, file('cut.mp4'), {startS: 1.52, durationS: 2}, never)

        const info = await media.probe(file('cut.mp4'), never)
        expect(info).toMatchObject({container: 'mp4', codec: 'h264', width: 160, height: 120, audioStreams: 0})
        expect(info.fps).toBeCloseTo(25, 3)
        const from = await media.decode(source, {...gray, pick: 'all'}, never)
        const cut = await media.decode(file('cut.mp4'), {...gray, pick: 'all'}, never)
        expect(cut.count).toBe(50)
        const distance = (place: number) => meanDifference(picture(cut, 0), picture(from, place))
        expect(distance(38)).toBeLessThan(2)
        expect(distance(38)).toBeLessThan(distance(37))
        expect(distance(38)).toBeLessThan(distance(39))
      })

      it('gives the same bytes each time', async () => {
        const source = await make(file('again.mkv'), [...card({size: '320x180', seconds: 3}), ...h264])
        const {readFile} = await import('node:fs/promises')

        await media.cut(source, file('one.mp4'), {startS: 0.5, durationS: 1}, never)
        await media.cut(source, file('two.mp4'), {startS: 0.5, durationS: 1}, never)

        expect((await readFile(file('one.mp4'))).equals(await readFile(file('two.mp4')))).toBe(true)
      })

      it('leaves nothing behind when the window lies after the end', async () => {
        const source = await make(file('short.mp4'), [...card({seconds: 1}), ...h264])
        const {readdir} = await import('node:fs/promises')

        const cutting = media.cut(source, file('nothing.mp4'), {startS: 30, durationS: 5}, never)

        await expect(cutting).rejects.toMatchObject({kind: 'data', code: 'VIDEO_UNREADABLE'})
        expect((await readdir(file('.'))).filter((name) => name.startsWith('nothing'))).toEqual([])
      })
    })

    describe('firstFrame', () => {
      it('is the first decoded frame as PNG at the asked size', async () => {
        const video = await make(file('first.mp4'), [...card({size: '320x180'}), ...h264])

        const png = await media.firstFrame(video, {width: 104, height: 60}, never)

        await writeFile(file('first.png'), png)
        const show = ['-i', file('first.png'), '-pix_fmt', 'rgb24', '-f', 'rawvideo', 'pipe:1']
        const pixels = await run(show, {signal: never, what: 'reading the PNG'})
        const options = {width: 104, height: 60, pixel: 'rgb24', pick: 'all', maxFrames: 1} as const
        const decoded = await media.decode(video, options, never)
        expect(Buffer.from(pixels).equals(picture(decoded, 0))).toBe(true)
      })
    })

    describe('sceneCuts', () => {
      it('finds where one shot follows another, and the real length', async () => {
        const shots = ['-f', 'lavfi', '-i', 'mandelbrot=s=160x120:r=16', '-f', 'lavfi', '-i', 'testsrc2=s=160x120:r=16']
        const join = '[0]trim=end_frame=24,setsar=1[a];[1]trim=end_frame=40,setsar=1[b];[a][b]concat=n=2[v]'
        const video = await make(file('shots.mp4'), [...shots, '-filter_complex', join, '-map', '[v]', ...h264])

        expect(await media.sceneCuts(video, 0.18, never)).toEqual({cuts: [1.5], durationS: 4, frames: 64})
        expect((await media.sceneCuts(video, 1, never)).cuts).toEqual([])
      })
    })

    it.runIf(knownClips().length > 0)('works on filmed clips', async () => {
      for (const clip of knownClips()) {
        const info = await media.probe(clip, never)
        const twelve = await media.decode(clip, {...gray, pick: {count: 12}}, never)
        const {frames, durationS, cuts} = await media.sceneCuts(clip, 0.18, never)

        expect(info).toMatchObject({container: 'mp4', codec: 'h264', width: 640, height: 480})
        expect(twelve.count).toBe(12)
        expect(frames).toBe(Math.round(info.fps * info.durationS))
        expect(durationS).toBeCloseTo(info.durationS, 1)
        expect(cuts).toEqual([])
      }
    })
  })
}

function meanDifference(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length
}
