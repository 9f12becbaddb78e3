import {crc32, deflateSync} from 'node:zlib'

/** Drawn, so that a localnet needs no picture of anybody: a head on a ground, other colours and shapes for each number. */
export function madeFace(number: number, size: number): Uint8Array {
  const random = numbers(number)
  const [ground, skin, hair, shirt] = [
    colour(random, 40, 150),
    colour(random, 140, 220),
    colour(random, 10, 90),
    colour(random, 60, 200),
  ]
  const [width, top] = [0.27 + 0.05 * random(), 0.08 + 0.05 * random()]
  const rgb = new Uint8Array(size * size * 3)
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const [u, v] = [x / size, y / size]
      const isIn = (cx: number, cy: number, rx: number, ry: number) => ((u - cx) / rx) ** 2 + ((v - cy) / ry) ** 2 <= 1
      const eyes = isIn(0.4, 0.42, 0.045, 0.025) || isIn(0.6, 0.42, 0.045, 0.025)
      const mouth = isIn(0.5, 0.79, 0.1, 0.012)
      const place =
        eyes || mouth ? hair : isIn(0.5, 0.52, width, 0.42) ? (v < top + 0.18 ? hair : skin) : v > 0.86 ? shirt : ground
      // Grain, or it would be the flattest picture that anybody took.
      const grain = 18 * (random() - 0.5)
      for (let channel = 0; channel < 3; channel++)
        rgb[(y * size + x) * 3 + channel] = Math.max(4, Math.min(250, (place[channel] ?? 0) + grain))
    }
  }
  return png(rgb, size)
}

/** Sound with the rhythm of speech: syllables of a buzzing voice, with pauses. WAV, 16 bits, one channel, 16 kHz. */
export function madeSpeech(number: number, seconds: number): Uint8Array {
  const rate = 16_000
  const random = numbers(number * 7919)
  const samples = new Int16Array(Math.round(rate * seconds))
  const pitch = 100 + 80 * random()
  let at = 0
  while (at < samples.length) {
    const length = Math.round(rate * (0.12 + 0.16 * random()))
    const [loud, tone] = [random() < 0.2 ? 0 : 0.25 + 0.6 * random(), 2 + Math.floor(4 * random())]
    for (let i = 0; i < length && at + i < samples.length; i++) {
      const shape = Math.sin((Math.PI * i) / length) ** 1.5
      const phase = (2 * Math.PI * pitch * (at + i)) / rate
      const voice = 0.6 * Math.sin(phase) + 0.3 * Math.sin(tone * phase) + 0.1 * (random() - 0.5)
      samples[at + i] = Math.round(32_000 * loud * shape * voice)
    }
    at += length
  }
  return wav(samples, rate)
}

function wav(samples: Int16Array, rate: number): Uint8Array {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(36 + samples.byteLength, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(1, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * 2, 28)
  header.writeUInt16LE(2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([header, Buffer.from(samples.buffer)])
}

function png(rgb: Uint8Array, size: number): Uint8Array {
  const raw = Buffer.alloc(size * (size * 3 + 1))
  for (let y = 0; y < size; y++) raw.set(rgb.subarray(y * size * 3, (y + 1) * size * 3), y * (size * 3 + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const word = (value: number) => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(value)
    return bytes
  }
  const chunk = (name: string, data: Uint8Array) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
    return Buffer.concat([word(data.length), body, word(crc32(body))])
  }
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** The same numbers 0..1 for the same seed (mulberry32, public domain). */
function numbers(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const colour = (random: () => number, low: number, high: number) =>
  [0, 1, 2].map(() => Math.round(low + (high - low) * random()))
