import {open} from 'node:fs/promises'
import {LeomaError} from '../errors.js'
import {collector} from './bytes.js'
import {displayName} from './container.js'
import {fileArgument, localOnly, type RunFfmpeg} from './run.js'

/** Audio decoders that may run; the pictures beside them are looked at too, to know what the file is. */
const soundDecoders =
  'aac,aac_fixed,mp3,mp3float,opus,libopus,vorbis,libvorbis,flac,alac,ac3,eac3,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_u8'

/** Whether a file begins as a WAV does. */
export async function isWav(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch(() => undefined)
  if (!handle) return false
  try {
    const {buffer} = await handle.read(Buffer.alloc(12), 0, 12, 0)
    return buffer.toString('latin1', 0, 4) === 'RIFF' && buffer.toString('latin1', 8, 12) === 'WAVE'
  } finally {
    await handle.close()
  }
}

/** The first sound track of a file with one, as samples of one channel. */
export async function decodeSound(
  run: RunFfmpeg,
  source: {readonly file: string; readonly demuxer: string; readonly decoders: string},
  {rate, maxSeconds}: {readonly rate: number; readonly maxSeconds: number},
  signal: AbortSignal,
): Promise<Float32Array> {
  const maxBytes = Math.ceil(rate * maxSeconds + rate) * 4
  const bytes = collector(maxBytes, Math.ceil(rate * maxSeconds) * 4)
  const reading = [
    ...localOnly,
    '-codec_whitelist',
    `${source.decoders},${soundDecoders}`,
    '-threads',
    '1',
    '-vn',
    '-sn',
    '-dn',
    '-flags',
    '+bitexact',
  ]
  const input = ['-f', source.demuxer, '-i', fileArgument(source.file)]
  const output = ['-map', '0:a:0', '-t', String(maxSeconds), '-ac', '1', '-ar', String(rate)]
  const raw = ['-c:a', 'pcm_f32le', '-f', 'f32le', 'pipe:1']
  const what = `decoding the sound of ${displayName(source.file)}`
  await run([...reading, ...input, ...output, ...raw], {
    ...{signal, what, maxOutputBytes: maxBytes},
    onOutput: (chunk) => bytes.add(chunk),
  })
  const whole = bytes.bytes()
  const count = Math.floor(whole.length / 4)
  if (count === 0) throw new LeomaError('data', 'VIDEO_UNREADABLE', `${what}: there is none`)
  const samples = new Float32Array(count)
  const view = new DataView(whole.buffer, whole.byteOffset, count * 4)
  for (let at = 0; at < count; at++) {
    const sample = view.getFloat32(at * 4, true)
    samples[at] = Number.isFinite(sample) ? Math.max(-1, Math.min(1, sample)) : 0
  }
  return samples
}
