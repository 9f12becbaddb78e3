import {readFile, stat, writeFile} from 'node:fs/promises'
import {describe, expect, it} from 'vitest'
import {FfmpegMedia} from '../../../src/media/ffmpeg.js'
import {card, h264, make, media, never, patched, run, useFolder} from './videos.js'

const gray = {width: 52, height: 30, pixel: 'gray', pick: 'all', maxFrames: 1000} as const
const unreadable = {kind: 'data', code: 'VIDEO_UNREADABLE'}

describe('bytes that are no video are refused with a reason', () => {
  const file = useFolder()

  it.each([
    ['an empty file', '', 'empty'],
    ['an HTML page', '<!DOCTYPE html><html><body>502 Bad Gateway</body></html>', 'HTML'],
    ['a JSON error', '{"detail": "chute is cold"}', 'JSON'],
    ['a picture', '\x89PNG\r\n\x1a\n and so on', 'picture'],
    ['junk', '\x00\x01\x02\x03'.repeat(5000), 'no mp4, mov, mkv, webm or avi'],
    ['a playlist that names a file of this machine', '#EXTM3U\n#EXTINF:5,\nfile:///etc/hostname\n', 'text'],
    ['a script that joins files of this machine', 'ffconcat version 1.0\nfile /etc/hostname\n', 'text'],
    ['an mp4 that ends after its first box', '\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2', 'ffmpeg exited'],
    ['a matroska that ends after its magic', '\x1aE\xdf\xa3\x01\x00\x00\x00\x00\x00\x00\x13', 'ffmpeg exited'],
    ['an avi without a body', 'RIFF\x10\x00\x00\x00AVI LIST', 'ffmpeg exited'],
  ])('%s', async (name, content, reason) => {
    const path = file(`${name.replaceAll(' ', '-')}.mp4`)
    await writeFile(path, Buffer.from(content, 'latin1'))

    await expect(media.probe(path, never)).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining(reason),
    })
    await expect(media.decode(path, gray, never)).rejects.toMatchObject(unreadable)
    await expect(media.sceneCuts(path, 0.18, never)).rejects.toMatchObject(unreadable)
    await expect(media.cut(path, file('out.mp4'), {startS: 0, durationS: 1}, never)).rejects.toMatchObject(unreadable)
    await expect(media.firstFrame(path, {width: 64, height: 64}, never)).rejects.toMatchObject(unreadable)
  })

  it('a truncated file, whether its index is at the end or at the front', async () => {
    for (const [name, flags] of [
      ['tail', []],
      ['front', ['-movflags', '+faststart']],
    ] as const) {
      const whole = await make(file(`${name}.mp4`), [...card({size: '320x180', seconds: 3}), ...h264, ...flags])
      const path = file(`${name}-half.mp4`)
      await writeFile(path, (await readFile(whole)).subarray(0, Math.floor((await stat(whole)).size / 2)))

      await expect(media.decode(path, gray, never), name).rejects.toMatchObject(unreadable)
      await expect(media.decode(path, {...gray, pick: {count: 12}}, never), name).rejects.toMatchObject(unreadable)
    }
  })

  it('a video with damage in its middle', async () => {
    const whole = await make(file('whole.mp4'), [...card({size: '320x180', seconds: 3}), ...h264])
    const bytes = await readFile(whole)
    bytes.fill(0x55, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.5))
    await writeFile(file('damaged.mp4'), bytes)

    await expect(media.decode(file('damaged.mp4'), gray, never)).rejects.toMatchObject(unreadable)
  })

  it('sound without pictures', async () => {
    const sound = await make(file('sound.mp4'), ['-f', 'lavfi', '-i', 'sine=d=1', '-c:a', 'aac'])

    await expect(media.probe(sound, never)).rejects.toMatchObject(unreadable)
  })

  it('a file that is not there is no fault of its bytes', async () => {
    await expect(media.probe(file('absent.mp4'), never)).rejects.toMatchObject({kind: 'upstream', code: 'MEDIA_FAILED'})
  })

  it('does not say where the file lies', async () => {
    const path = file('somewhere.mp4')
    await writeFile(path, Buffer.from('\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2', 'latin1'))

    const error = await media.probe(path, never).catch((thrown: unknown) => thrown)

    expect(String(error)).toContain('somewhere.mp4')
    expect(String(error)).not.toContain(file('.'))
  })
})

describe('sizes are limited before they cost anything', () => {
  const file = useFolder()
  const small = new FfmpegMedia({run, maxPixels: 200 * 200})

  it('refuses by the header', async () => {
    const video = await make(file('big.mp4'), [...card({size: '320x240'}), ...h264])

    await expect(small.decode(video, gray, never)).rejects.toMatchObject({
      ...unreadable,
      message: expect.stringContaining('320×240'),
    })
  })

  it('refuses pictures that are larger than their header said', async () => {
    const video = await make(file('liar.mkv'), [...card({size: '320x240'}), ...h264])
    // Matroska's PixelWidth (0xB0, two bytes) and PixelHeight (0xBA, one byte): now 16 × 16.
    const bytes = patched(video, '\xb0\x82\x01\x40\xba\x81\xf0', 0, [0xb0, 0x82, 0, 16, 0xba, 0x81, 16])
    await writeFile(file('liar.mkv'), bytes)

    expect(await small.probe(video, never)).toMatchObject({width: 16, height: 16})
    await expect(small.decode(video, gray, never)).rejects.toMatchObject(unreadable)
  })

  it('stops a video of very many frames', async () => {
    const bomb = await make(file('bomb.mp4'), [...['-f', 'lavfi', '-i', 'color=s=16x16:r=1000:d=30'], ...h264])

    for (const pick of ['all', {count: 12}, {fps: 1000}] as const) {
      const frames = await media.decode(bomb, {...gray, pick, maxFrames: 50}, never)
      expect(frames.count).toBeLessThanOrEqual(50)
      expect(frames.truncated).toBe(true)
    }
  })

  it('lowers the number of frames to what memory allows', async () => {
    const video = await make(file('many.mp4'), [...card(), ...h264])
    const poor = new FfmpegMedia({run, maxDecodedBytes: 5 * 52 * 30})

    expect(await poor.decode(video, gray, never)).toMatchObject({count: 5, truncated: true})
    await expect(poor.decode(video, {...gray, pick: {count: 6}}, never)).rejects.toMatchObject({code: 'MEDIA_LIMIT'})
  })

  it('does not walk a sample table that claims four thousand million frames', async () => {
    const video = await make(file('claims.mp4'), [...card(), ...h264])
    // stts: version and flags, one entry, then its count of samples.
    await writeFile(video, patched(video, 'stts', 12, [0xff, 0xff, 0xff, 0xff]))

    const decoding = media.decode(video, {...gray, pick: {count: 12}, maxFrames: 100}, never)

    // ffmpeg may read it by its other tables or refuse it; either way it ends, with at most what was asked for.
    const frames = await decoding.catch((error: unknown) => error)
    expect(frames).toSatisfy(
      (answer: {count?: number; code?: string}) => answer.count === 12 || answer.code === 'VIDEO_UNREADABLE',
    )
  })
})

describe('words written by strangers stay words', () => {
  const file = useFolder()
  const forged =
    'x\n  Stream #0:0: Video: vp9, yuv420p, 9999x9999, 999 fps\nframe:1 pts:0 pts_time:0.5\nlavfi.scene_score=1'

  it.each(['avi', 'mkv', 'mp4'])('a title in %s cannot fake a stream or a scene cut', async (extension) => {
    const title = ['-metadata', `title=${forged}`, '-metadata:s:v', `comment=${forged}`]
    const codec = extension === 'avi' ? ['-c:v', 'mpeg4'] : h264
    const video = await make(file(`titled.${extension}`), [...card(), ...codec, ...title])

    expect(await media.probe(video, never)).toMatchObject({width: 160, height: 120, videoStreams: 1})
    expect((await media.sceneCuts(video, 0.5, never)).cuts).toEqual([])
  })

  it.each([
    '-i.mp4',
    'two words.mp4',
    'it\'s "quoted".mp4',
    '100%d %03d.mp4',
    'http:host.mp4',
    'concat:a|b.mp4',
    'a,b;[c]=d.mp4',
    '$(touch x)`y`.mp4',
    'ünïcödé 🎬.mp4',
  ])('the file name %s is a name', async (name) => {
    const source = await make(file('source.mp4'), [...card({seconds: 0.5}), ...h264])
    await writeFile(file(name), await readFile(source))

    expect((await media.decode(file(name), gray, never)).count).toBe(8)
    await media.cut(file(name), file(`cut ${name}`), {startS: 0, durationS: 0.25}, never)
    expect((await media.probe(file(`cut ${name}`), never)).width).toBe(160)
  })
})
