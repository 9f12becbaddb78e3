import {createHash, randomBytes} from 'node:crypto'
import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises'
import {createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse} from 'node:http'
import {type AddressInfo, createServer as createSocketServer, type Socket} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {gzipSync} from 'node:zlib'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {Outcome} from '../../../src/domain/task.js'
import {HttpGenerator, type HttpGeneratorOptions} from '../../../src/models/generator.js'
import type {Generation, GenerationLimits, GenerationRequest} from '../../../src/models/port.js'
import {systemTime} from '../../../src/runtime/clock.js'

const time = systemTime()
const {signal} = new AbortController()
const video = randomBytes(500_000)
const request: GenerationRequest = {
  prompt: 'A cat – “jumps”',
  image: new Uint8Array([137, 80, 78, 71]),
  fps: 16,
  frames: 81,
  width: 832,
  height: 480,
  seed: 7,
}

let folder: string
let to: string
const closers: (() => unknown)[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'leoma-generator-'))
  to = path.join(folder, 'out.mp4')
})
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  await rm(folder, {recursive: true, force: true})
})

async function listen(server: Server | ReturnType<typeof createSocketServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  if ('closeAllConnections' in server) closers.push(() => server.closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A miner that answers by HTTP; counts what it was asked. */
async function aMiner(answer: (response: ServerResponse, call: number, request: IncomingMessage) => unknown) {
  const seen: {request: IncomingMessage; body: string}[] = []
  const listener: RequestListener = async (incoming, response) => {
    response.on('error', () => {})
    let body = ''
    for await (const chunk of incoming) body += chunk
    seen.push({request: incoming, body})
    await answer(response, seen.length, incoming)
  }
  return {endpoint: await listen(createServer(listener)), seen}
}

/** A miner that speaks as it likes, once it has the request's head. */
async function aSocket(answer: (socket: Socket, call: number) => void) {
  let calls = 0
  const sockets = new Set<Socket>()
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
  })
  const server = createSocketServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket, ++calls))
  })
  return {endpoint: await listen(server), calls: () => calls}
}

async function ask(
  endpoint: string,
  limits: Partial<GenerationLimits> & {withinMs?: number} = {},
  options: Partial<HttpGeneratorOptions> = {},
  stop: AbortSignal = signal,
): Promise<Generation> {
  const {withinMs = 20_000, ...rest} = limits
  const generator = new HttpGenerator({time, firstPauseMs: 10, ...options})
  closers.push(() => generator.close())
  const chute = {chuteId: 'c', slug: 's', hot: true, revision: null, endpoint}
  const generation = await generator.generate(
    chute,
    request,
    {deadlineAt: time.now() + withinMs, maxBytes: 1_000_000, to, ...rest},
    stop,
  )
  Outcome.parse(generation.outcome)
  expect(generation.reason?.length ?? 0).toBeLessThanOrEqual(300)
  if (generation.file === null) expect(await readdir(folder)).toEqual([])
  return generation
}

describe('a good answer', () => {
  it('lies at its place, hashed and measured', async () => {
    const miner = await aMiner((response) => response.end(video))

    const generation = await ask(miner.endpoint)

    expect(generation).toEqual({
      outcome: 'ok',
      reason: null,
      latencyMs: expect.any(Number),
      attempts: 1,
      file: {sha256: createHash('sha256').update(video).digest('hex'), sizeBytes: video.length},
    })
    expect((await readFile(to)).equals(video)).toBe(true)
    expect(await readdir(folder)).toEqual(['out.mp4'])
  })

  it('is asked for in the words of the published sampler and the published miner', async () => {
    const miner = await aMiner((response) => response.end(video))

    await ask(`${miner.endpoint}/`, {}, {apiKey: 'key'})

    const {request: sent, body} = miner.seen[0]!
    expect(sent.method).toBe('POST')
    expect(sent.url).toBe('/generate')
    expect(sent.headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'accept-encoding': 'identity',
      authorization: 'Bearer key',
      connection: 'close',
    })
    expect(JSON.parse(body)).toEqual({
      prompt: 'A cat – “jumps”',
      image: 'iVBORw==',
      fps: 16,
      frames: 81,
      num_frames: 81,
      width: 832,
      height: 480,
      resolution: '480p',
      fast: true,
      seed: 7,
    })
  })

  it('carries no key unless there is one', async () => {
    const miner = await aMiner((response) => response.end(video))

    await ask(miner.endpoint)

    expect(miner.seen[0]!.request.headers.authorization).toBeUndefined()
  })

  it('does not carry the key in the clear to another machine', async () => {
    const miner = await aMiner((response) => response.end(video))

    // Leads here too, but does not say so.
    await ask(miner.endpoint.replace('127.0.0.1', '0.0.0.0'), {}, {apiKey: 'key'})

    expect(miner.seen[0]!.request.headers.authorization).toBeUndefined()
  })

  it('is not judged by its type: that is for the gates', async () => {
    const miner = await aMiner((response) => response.setHeader('content-type', 'text/html').end('<html>'))

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'ok', file: {sizeBytes: 6}})
  })

  it('of an earlier time does not stay when this one fails', async () => {
    const good = await aMiner((response) => response.end(video))
    const bad = await aMiner((response) => response.writeHead(404).end())
    await ask(good.endpoint)

    expect(await ask(bad.endpoint)).toMatchObject({outcome: 'permanent', file: null})
    expect(await readdir(folder)).toEqual([])
  })

  it('may have exactly as many bytes as are allowed', async () => {
    const miner = await aMiner((response) => response.end(video))

    expect(await ask(miner.endpoint, {maxBytes: video.length})).toMatchObject({outcome: 'ok'})
  })
})

describe('a body that is rejected', () => {
  it('is empty', async () => {
    const miner = await aMiner((response) => response.end())

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'rejected:empty', attempts: 1, file: null})
  })

  it('says that it is too large, and is not read', async () => {
    let sent = 0
    const miner = await aMiner((response) => {
      response.writeHead(200, {'content-length': 300_000_000})
      return pipeline(
        zeros(300_000_000, (bytes) => (sent += bytes)),
        response,
      ).catch(() => {})
    })

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'rejected:too_large', attempts: 1})
    expect(sent).toBeLessThan(50_000_000)
  })

  it('turns out to be too large, and is read no further', async () => {
    let sent = 0
    const miner = await aMiner((response) =>
      pipeline(
        zeros(300_000_000, (bytes) => (sent += bytes)),
        response,
      ).catch(() => {}),
    )

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'rejected:too_large', attempts: 1})
    expect(sent).toBeLessThan(50_000_000)
  })

  it.each(['gzip', 'br', 'identity, gzip', 'x-bomb'])('is encoded as %s, which nobody asked for', async (encoding) => {
    const miner = await aMiner((response) => response.setHeader('content-encoding', encoding).end(gzipSync(video)))

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'rejected:encoding', attempts: 1})
  })
})

describe('a huge body', () => {
  it('of 300 MB passes through without being held in memory', async () => {
    const miner = await aMiner((response) => pipeline(zeros(300_000_000), response))
    const before = process.memoryUsage().rss
    let most = before
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().rss)), 10)
    closers.push(() => clearInterval(watch))

    const generation = await ask(miner.endpoint, {maxBytes: 400_000_000, withinMs: 90_000})

    expect(generation).toMatchObject({outcome: 'ok', file: {sizeBytes: 300_000_000}})
    expect((most - before) / 1e6).toBeLessThan(80)
  })
})

describe('a miner that is busy', () => {
  it.each([429, 502, 503, 504])('with %i at first is asked again', async (status) => {
    const miner = await aMiner((response, call) => {
      if (call <= 2) response.writeHead(status).end('{"detail": "infra_overload"}')
      else response.end(video)
    })

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'ok', attempts: 3, reason: null})
  })

  it('for good is asked a handful of times', async () => {
    const miner = await aMiner((response) => response.writeHead(429).end('{"detail": "infra_overload"}'))

    expect(await ask(miner.endpoint)).toMatchObject({
      outcome: 'busy',
      reason: 'status 429: infra_overload',
      attempts: 5,
      latencyMs: expect.any(Number),
    })
    expect(miner.seen).toHaveLength(5)
  })

  it('is not asked again when the next request would come after the deadline', async () => {
    const miner = await aMiner((response) => response.writeHead(503).end())
    let slept = 0
    const movedTime = {
      now: () => 1_000 + slept,
      sleep: async (ms: number) => {
        slept += ms
      },
    }

    const generation = await ask(
      miner.endpoint,
      {deadlineAt: 61_000},
      {time: movedTime, firstPauseMs: 40_000, attempts: 50},
    )

    // Pauses of 3, 6, 12 and 24 s, give or take a quarter, fit into a minute; 48 s more do not.
    expect(generation).toMatchObject({outcome: 'busy', reason: 'status 503', attempts: 5})
    expect(slept).toBeLessThan(60_000)
  })
})

describe('a miner that refuses', () => {
  it.each([400, 401, 402, 403, 404, 422, 426, 204, 206])('with %i is not asked again', async (status) => {
    const miner = await aMiner((response) => response.writeHead(status).end())

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'permanent', reason: `status ${status}`, attempts: 1})
  })

  it.each([301, 302, 307, 308])('with %i does not send the request elsewhere', async (status) => {
    const other = await aMiner((response) => response.end(video))
    const miner = await aMiner((response) => response.writeHead(status, {location: `${other.endpoint}/generate`}).end())

    expect(await ask(miner.endpoint, {}, {apiKey: 'key'})).toMatchObject({outcome: 'permanent', attempts: 1})
    expect(other.seen).toEqual([])
  })

  it.each([
    ['a text', 'image is\n\u001b[31m too \u202esmall\0', 'status 400: image is [31m too small'],
    ['a detail', '{"detail": "bad image"}', 'status 400: bad image'],
    ['a detail with a message', '{"detail": {"message": "no balance"}}', 'status 400: no balance'],
    ['a detail of another kind', '{"detail": [{"loc": 1}]}', 'status 400: [{"loc":1}]'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x41]), 'status 400: \ufffd\ufffdA'],
  ])('gives %s as one plain line', async (_, body, reason) => {
    const miner = await aMiner((response) => response.writeHead(400).end(body))

    expect((await ask(miner.endpoint)).reason).toBe(reason)
  })

  it('at length is cut short, by whole characters', async () => {
    const miner = await aMiner((response) => response.writeHead(400).end('😀'.repeat(100_000)))

    const {reason} = await ask(miner.endpoint)

    expect(reason!.isWellFormed()).toBe(true)
    expect(reason!.length).toBe(300)
  })

  it('without end is not listened to', async () => {
    const miner = await aMiner((response) => {
      response.writeHead(400)
      return pipeline(zeros(1_000_000_000), response).catch(() => {})
    })

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'permanent', attempts: 1})
  })

  it('with a text that never ends is not waited for until the deadline', async () => {
    const miner = await aMiner((response) => void response.writeHead(404).write('no such'))

    expect(await ask(miner.endpoint, {withinMs: 60_000})).toMatchObject({
      outcome: 'permanent',
      reason: 'status 404: no such',
    })
  })

  it('with an endpoint that is no web address was never asked', async () => {
    for (const endpoint of ['', 'file:///etc/passwd', 'ftp://127.0.0.1', 'http://']) {
      expect(await ask(endpoint)).toMatchObject({outcome: 'permanent', attempts: 0, latencyMs: null})
    }
  })

  it('with headers that are too many is not asked again', async () => {
    const miner = await aSocket((socket) => {
      socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\ncontent-length: 1\r\n\r\nx`)
    })

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'permanent', attempts: 1})
  })
})

describe('a miner that fails', () => {
  it('with 500 gets one more try', async () => {
    const once = await aMiner((response, call) => (call === 1 ? response.writeHead(500).end() : response.end(video)))
    const always = await aMiner((response) => response.writeHead(500).end('CUDA out of memory'))

    expect(await ask(once.endpoint)).toMatchObject({outcome: 'ok', attempts: 2})
    expect(await ask(always.endpoint)).toMatchObject({
      outcome: 'transient',
      reason: 'status 500: CUDA out of memory',
      attempts: 2,
    })
  })

  it('by hanging up gets one more try', async () => {
    const miner = await aSocket((socket) => socket.resetAndDestroy())

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'transient', attempts: 2})
    expect(miner.calls()).toBe(2)
  })

  it('by not being there gets one more try', async () => {
    const server = createSocketServer()
    const endpoint = await listen(server)
    await new Promise((resolve) => server.close(resolve))

    expect(await ask(endpoint)).toMatchObject({
      outcome: 'transient',
      reason: expect.stringContaining('ECONNREFUSED'),
      attempts: 2,
    })
  })

  it.each([
    ['a body shorter than announced', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort'],
    ['chunks without an end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n'],
    ['bytes that are no HTTP', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 9\r\n\r\nshort'],
    ['nothing', ''],
  ])('with %s leaves no half file', async (_, answer) => {
    const miner = await aSocket((socket) => socket.end(answer))

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'transient', attempts: 2})
  })

  it('after being busy is still told apart', async () => {
    const miner = await aMiner((response, call) =>
      call === 1 ? response.writeHead(429).end() : call === 2 ? response.writeHead(500).end() : response.end(video),
    )

    expect(await ask(miner.endpoint)).toMatchObject({outcome: 'ok', attempts: 3})
  })
})

describe('the deadline', () => {
  it('ends the wait for a miner that never answers', async () => {
    const miner = await aSocket(() => {})

    expect(await ask(miner.endpoint, {withinMs: 300})).toMatchObject({
      outcome: 'transient',
      reason: 'no whole answer within 0.3 s',
      attempts: 1,
      latencyMs: expect.any(Number),
    })
  })

  it('ends a body that only drips', async () => {
    const miner = await aMiner((response) => {
      const drip = setInterval(() => response.write('.'), 5)
      closers.push(() => clearInterval(drip))
    })

    expect(await ask(miner.endpoint, {withinMs: 300})).toMatchObject({outcome: 'transient', attempts: 1})
  })

  it('that has passed already means that nothing is sent', async () => {
    const miner = await aMiner((response) => response.end(video))

    expect(await ask(miner.endpoint, {withinMs: -1})).toMatchObject({
      outcome: 'transient',
      attempts: 0,
      latencyMs: null,
    })
    expect(miner.seen).toEqual([])
  })

  it('lets go of the connection', async () => {
    const gone = Promise.withResolvers<void>()
    const miner = await aSocket((socket) => socket.once('close', gone.resolve))

    await ask(miner.endpoint, {withinMs: 200})

    await gone.promise
  })
})

describe('what is not the miner’s fault', () => {
  it('is thrown: a shutdown', async () => {
    const stop = new AbortController()
    const miner = await aSocket(() => stop.abort(new Error('shutdown')))

    await expect(ask(miner.endpoint, {}, {}, stop.signal)).rejects.toThrow('shutdown')
    await expect(ask(miner.endpoint, {}, {}, stop.signal)).rejects.toThrow('shutdown')
    expect(await readdir(folder)).toEqual([])
  })

  it('is thrown: a place that cannot be written', async () => {
    const miner = await aMiner((response) => response.end(video))

    await expect(ask(miner.endpoint, {to: path.join(folder, 'none', 'out.mp4')})).rejects.toThrow('ENOENT')
  })

  it('is thrown: a key that cannot be sent', async () => {
    const miner = await aMiner((response) => response.end(video))

    await expect(ask(miner.endpoint, {}, {apiKey: 'a\nb'})).rejects.toThrow(/header/)
  })
})

it('asks many miners at once without mixing their answers', async () => {
  const bodies = Array.from({length: 20}, () => randomBytes(200_000))
  const miners = await Promise.all(bodies.map((body) => aMiner((response) => response.end(body))))
  const generator = new HttpGenerator({time})
  closers.push(() => generator.close())

  const generations = await Promise.all(
    miners.map(({endpoint}, i) =>
      generator.generate(
        {chuteId: 'c', slug: 's', hot: true, revision: null, endpoint},
        request,
        {deadlineAt: time.now() + 20_000, maxBytes: 1_000_000, to: `${to}.${i}`},
        signal,
      ),
    ),
  )

  expect(generations.map(({file}) => file?.sha256)).toEqual(
    bodies.map((body) => createHash('sha256').update(body).digest('hex')),
  )
})

function zeros(total: number, onSent: (bytes: number) => void = () => {}): Readable {
  const chunk = Buffer.alloc(65_536)
  return Readable.from(
    (function* () {
      for (let sent = 0; sent < total; sent += chunk.length) {
        const piece = chunk.subarray(0, Math.min(chunk.length, total - sent))
        onSent(piece.length)
        yield piece
      }
    })(),
    {objectMode: false},
  )
}
