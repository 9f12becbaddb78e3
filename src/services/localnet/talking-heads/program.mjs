// What a local miner's image runs: a small program that answers talking-head tasks by the file protocol, well or with one
// fault. It is not part of leoma: it is copied into images, needs nothing but Node.js, and draws its videos itself.
import {spawn} from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import {crc32, deflateSync, inflateSync} from 'node:zlib'

const profile = process.argv[2] ?? 'good'
const {TALKHEAD_INPUT: input = '/input', TALKHEAD_OUTPUT: output = '/output'} = process.env
const inside = output === '/output'
const put = (name, content) => fs.writeFileSync(path.join(output, name), content)
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

/** What each profile does beside or instead of its work. */
const faults = {
  // Longer than a busy machine could hold up anybody else by chance.
  slow: () => sleep(3000),
  // The same memory each time: new ones would pile up until they are collected, and go over the limit by chance.
  'memory-hungry': () => {
    ballast ??= Buffer.alloc(160 * 1024 * 1024)
    ballast.fill(1)
  },
  network: () => connect(),
  'writes-outside': () => {
    fs.writeFileSync(path.join(output, '..', 'escaped'), 'outside')
    throw new Error('and then it has nothing to show')
  },
  'replaces-reference': () => {
    for (const name of ['face.png', 'audio.wav']) fs.writeFileSync(path.join(input, name), 'easier')
    throw new Error('and then it has nothing to show')
  },
  forks: () => {
    // Where nothing but a watcher bounds them, only a few: that machine is somebody's.
    for (let made = 0; made < (inside ? 2000 : 4); made++)
      spawn(process.execPath, ['-e', 'for (;;);'], {stdio: 'ignore', detached: true}).on('error', () => {})
    throw new Error('and then it has nothing to show')
  },
  'fills-disk': () => {
    for (let written = 0; written < (inside ? 100_000 : 400); written++)
      fs.appendFileSync(path.join(output, 'ballast'), Buffer.alloc(1024 * 1024, 1))
  },
  hangs: () => {
    for (;;);
  },
  prints: () => {
    for (;;) fs.writeSync(1, 'all work and no play '.repeat(4096))
  },
}
let ballast

function connect() {
  // The discard port of whatever machine it can reach. Waits for an answer that a sandbox does not let through.
  const socket = net.connect({host: '127.0.0.1', port: 9})
  socket.on('error', () => process.exit(1))
  socket.on('connect', () => process.exit(1))
}

function answer(task) {
  faults[profile]?.()
  if (profile === 'network') return false
  const face = readPng(fs.readFileSync(path.join(input, 'face.png')))
  const sound = readWav(fs.readFileSync(path.join(input, 'audio.wav')))
  const video = `${task.challenge_id}.mp4`
  if (profile === 'symlink') fs.symlinkSync('/etc/hostname', path.join(output, video))
  else put(video, talkingHead(face, sound, task))
  put(`${task.challenge_id}.part`, JSON.stringify({success: true}))
  fs.renameSync(path.join(output, `${task.challenge_id}.part`), path.join(output, `${task.challenge_id}.json`))
  return true
}

function talkingHead(face, sound, {fps, resolution, max_seconds: maxSeconds}) {
  const seconds = Math.min(maxSeconds, sound.samples.length / sound.rate)
  const count = Math.round(seconds * fps)
  const still = scaled(face, resolution)
  const samples = sound.samples.subarray(0, Math.round((count / fps) * sound.rate))
  const frames = Array.from({length: count}, (_, at) => {
    if (profile === 'frozen') return still
    const [from, to] = [at, at + 1].map((edge) => Math.floor((edge / fps) * sound.rate))
    const loud = Math.sqrt(
      samples.subarray(from, to).reduce((sum, sample) => sum + (sample / 32768) ** 2, 0) / (to - from || 1),
    )
    // Lips part and meet again and again while somebody speaks, the wider the louder.
    return withMouth(still, resolution, at % 2 === 0 ? Math.min(1, loud * 4) : 0, at)
  })
  return avi(
    frames.map((frame) => writePng(frame, resolution)),
    {fps, resolution, rate: sound.rate, samples: profile === 'silent' ? undefined : samples},
  )
}

function withMouth(still, size, open, at) {
  const frame = Uint8Array.from(still)
  const [cx, cy, rx, ry] = [0.5 * size, 0.79 * size, 0.22 * size, open * 0.14 * size]
  for (let y = Math.floor(cy - ry); y <= cy + ry; y++) {
    for (let x = Math.floor(cx - rx); x <= cx + rx; x++) {
      if (((x - cx) / rx) ** 2 + ((y - cy) / (ry || 1)) ** 2 <= 1) frame.set([60, 24, 30], (y * size + x) * 3)
    }
  }
  // A head is never quite still: everything moves by a pixel now and then.
  const shift = Math.round(Math.sin(at / 3))
  if (shift === 0) return frame
  const moved = Uint8Array.from(frame)
  moved.set(frame.subarray(0, frame.length - 3 * size), 3 * size)
  return shift > 0 ? moved : frame
}

/** Nearest neighbours; three bytes a pixel. */
function scaled({width, height, rgb}, size) {
  const out = new Uint8Array(size * size * 3)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const from = (Math.floor((y * height) / size) * width + Math.floor((x * width) / size)) * 3
      out.set(rgb.subarray(from, from + 3), (y * size + x) * 3)
    }
  return out
}

/** Eight bits, grey or RGB, with or without alpha, not interlaced. */
function readPng(bytes) {
  const [width, height, kind] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[25]]
  const channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
  const parts = []
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    const size = bytes.readUInt32BE(at)
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + size))
  }
  const raw = inflateSync(Buffer.concat(parts))
  const stride = width * channels
  const pixels = new Uint8Array(height * stride)
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (stride + 1)]
    for (let x = 0; x < stride; x++) {
      const left = x < channels ? 0 : pixels[y * stride + x - channels]
      const above = y === 0 ? 0 : pixels[(y - 1) * stride + x]
      const corner = x < channels || y === 0 ? 0 : pixels[(y - 1) * stride + x - channels]
      const guess = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter]
      pixels[y * stride + x] = (raw[y * (stride + 1) + 1 + x] + guess) & 255
    }
  }
  const rgb = new Uint8Array(width * height * 3)
  for (let at = 0; at < width * height; at++)
    for (let channel = 0; channel < 3; channel++)
      rgb[at * 3 + channel] = pixels[at * channels + (channels < 3 ? 0 : channel)]
  return {width, height, rgb}
}

function paeth(a, b, c) {
  const [pa, pb, pc] = [Math.abs(b - c), Math.abs(a - c), Math.abs(a + b - 2 * c)]
  if (pa <= pb && pa <= pc) return a
  return pb <= pc ? b : c
}

function writePng(rgb, size) {
  const raw = Buffer.alloc(size * (size * 3 + 1))
  for (let y = 0; y < size; y++) raw.set(rgb.subarray(y * size * 3, (y + 1) * size * 3), y * (size * 3 + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(size, 0)
  header.writeUInt32BE(size, 4)
  header.set([8, 2, 0, 0, 0], 8)
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
    return Buffer.concat([u32be(data.length), body, u32be(crc32(body))])
  }
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(raw, {level: 1})),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Sixteen bits, the first channel. */
function readWav(bytes) {
  let [rate, channels, data] = [16_000, 1, Buffer.alloc(0)]
  for (let at = 12; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4) + (bytes.readUInt32LE(at + 4) & 1)) {
    const name = bytes.toString('latin1', at, at + 4)
    if (name === 'fmt ') [channels, rate] = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 12)]
    if (name === 'data') data = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4))
  }
  const samples = Int16Array.from({length: Math.floor(data.length / 2 / channels)}, (_, at) =>
    data.readInt16LE(at * 2 * channels),
  )
  return {rate, samples}
}

/** Pictures as PNG and sound as PCM in the oldest of containers; whoever reads the file goes by its content. */
function avi(pictures, {fps, resolution, rate, samples}) {
  const streams = samples ? 2 : 1
  const avih = words([
    Math.round(1e6 / fps),
    0,
    0,
    0x110,
    pictures.length,
    0,
    streams,
    0,
    resolution,
    resolution,
    0,
    0,
    0,
    0,
  ])
  const strh = (kind, codec, scale, per, length, size) =>
    Buffer.concat([
      Buffer.from(kind + codec, 'latin1'),
      words([0, 0, 0, scale, per, 0, length, 0, 0xffffffff, size]),
      Buffer.alloc(8),
    ])
  const bitmap = Buffer.concat([
    words([40, resolution, resolution]),
    Buffer.from([1, 0, 24, 0]),
    Buffer.from('MPNG', 'latin1'),
    words([0, 0, 0, 0, 0]),
  ])
  const wave = Buffer.concat([Buffer.from([1, 0, 1, 0]), words([rate, rate * 2]), Buffer.from([2, 0, 16, 0])])
  const video = list('strl', [
    riff('strh', strh('vids', 'MPNG', 1000, Math.round(fps * 1000), pictures.length, 0)),
    riff('strf', bitmap),
  ])
  const audio =
    samples &&
    list('strl', [riff('strh', strh('auds', '\x00\x00\x00\x00', 1, rate, samples.length, 2)), riff('strf', wave)])
  const movi = []
  const index = []
  let place = 4
  const add = (name, data) => {
    const piece = riff(name, data)
    index.push(Buffer.concat([Buffer.from(name, 'latin1'), words([0x10, place, data.length])]))
    movi.push(piece)
    place += piece.length
  }
  for (const [at, picture] of pictures.entries()) {
    add('00dc', picture)
    if (!samples) continue
    const [from, to] = [at, at + 1].map((edge) => Math.floor((edge / fps) * rate))
    const part = samples.subarray(from, to)
    add('01wb', Buffer.from(part.buffer, part.byteOffset, part.byteLength))
  }
  const body = [
    list('hdrl', [riff('avih', avih), video, ...(audio ? [audio] : [])]),
    list('movi', movi),
    riff('idx1', Buffer.concat(index)),
  ]
  return riff('RIFF', Buffer.concat([Buffer.from('AVI ', 'latin1'), ...body]))
}

const u32be = (value) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const words = (values) => Buffer.from(Uint32Array.from(values).buffer)
const riff = (name, data) =>
  Buffer.concat([Buffer.from(name, 'latin1'), words([data.length]), data, Buffer.alloc(data.length & 1)])
const list = (name, parts) => riff('LIST', Buffer.concat([Buffer.from(name, 'latin1'), ...parts]))

put('ready.txt', 'ready')
let done = ''
setInterval(() => {
  let task
  try {
    task = JSON.parse(fs.readFileSync(path.join(input, 'task.json'), 'utf8'))
  } catch {
    done = ''
    return
  }
  if (task.challenge_id === done) return
  done = task.challenge_id
  answer(task)
}, 5)
