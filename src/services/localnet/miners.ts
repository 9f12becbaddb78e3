import {createReadStream} from 'node:fs'
import {stat} from 'node:fs/promises'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {Readable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import {z} from 'zod'
import {LeomaError} from '../../errors.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import type {HiddenClip, HiddenClips} from './peek.js'

/** A PNG of the largest task in base64, with room to spare. */
const maxRequestBytes = 32_000_000
const hugeBytes = 300_000_000

/** The documented request; a miner ignores what it does not know. */
const GenerateBody = z.object({
  prompt: z.string().max(8192).default(''),
  image: z.string().optional(),
  num_frames: z.number().int().min(1).max(1000).default(81),
  fps: z.number().min(1).max(120).default(16),
  width: z.number().int().min(16).max(4096).default(832),
  height: z.number().int().min(16).max(4096).default(480),
  seed: z.number().int().nullish(),
})

export interface Wanted {
  readonly hidden: HiddenClip
  readonly frames: number
  readonly fps: number
  readonly width: number
  readonly height: number
}

/** Makes the video that a profile answers with, and says where it lies. */
export type Render = (profile: string, wanted: Wanted, signal: AbortSignal) => Promise<string>

export interface MinerOptions {
  readonly profile: string
  readonly hidden: Pick<HiddenClips, 'findByImage' | 'findByPrompt'>
  readonly render: Render
  readonly time: Pick<Clock, 'now' | 'sleep'>
  /** What the sampler grants for one answer, in milliseconds. */
  readonly deadlineMs: number
  readonly log: Logger
}

export interface LocalMiner {
  /** `http://127.0.0.1:<port>`; requests go to `<endpoint>/generate`. */
  readonly endpoint: string
  close(): Promise<void>
}

interface Call {
  readonly wanted: Wanted
  /** How often this miner was asked for this task before. */
  readonly earlier: number
  readonly response: ServerResponse
  readonly signal: AbortSignal
}

type Answer = (call: Call, options: MinerOptions) => Promise<void>

/** The video that a profile needs when it is not one of its own name; null for those that have none. */
const videos: Readonly<Record<string, string | null>> = {
  broken: null,
  'broken-empty': null,
  'broken-html': null,
  'broken-huge': null,
  'broken-truncated': 'oracle',
  slow: 'oracle',
  copycat: 'oracle',
}

export function videoOf(profile: string): string | null {
  const video = videos[profile]
  return video === undefined ? profile : video
}

/** How a profile answers when it does not simply send its video. */
const answers: Readonly<Record<string, Answer>> = {
  broken: ({response}) => sendBytes(response, 'video/mp4', Buffer.alloc(200_000, 'this is no video. ')),
  'broken-empty': ({response}) => sendBytes(response, 'video/mp4', Buffer.alloc(0)),
  'broken-html': ({response}) =>
    sendBytes(
      response,
      'text/html',
      Buffer.from('<!doctype html><title>502 Bad Gateway</title><h1>Bad gateway</h1>\n'),
    ),
  'broken-huge': async ({response, signal}) => {
    response.writeHead(200, {'content-type': 'video/mp4'})
    await pipeline(Readable.from(zeros(hugeBytes)), response, {signal})
  },
  'broken-truncated': async (call, options) => {
    const file = await renderOwn(call.wanted, options, call.signal)
    const {size} = await stat(file)
    response200(call.response, Math.floor(size / 2))
    await pipeline(createReadStream(file, {end: Math.floor(size / 2) - 1}), call.response, {signal: call.signal})
  },
  busy: async (call, options) => {
    if (call.earlier === 0) return refuse(call.response, 429, 'all workers are busy', {'retry-after': '1'})
    if (call.earlier === 1) return refuse(call.response, 503, 'warming up')
    return sendVideo(call, options)
  },
  slow: async (call, options) => {
    // Half a deadline late: well past the limit, and soon gone when the asker does not hang up.
    await options.time.sleep(options.deadlineMs * 1.5, call.signal)
    await sendVideo(call, options)
  },
}

/**
 * One miner: an HTTP server on a free loopback port that speaks the documented generation contract. Only the profile
 * distinguishes it from another; it knows the answer by `hidden`.
 */
export async function startMiner(options: MinerOptions): Promise<LocalMiner> {
  const calls = new Map<number, number>()
  const server = createServer((request, response) => {
    const controller = new AbortController()
    // An asker that hangs up must not leave us rendering for nobody.
    response.once('close', () => controller.abort(new DOMException('the asker hung up', 'AbortError')))
    serve(request, response, calls, options, controller.signal).catch((error: unknown) => {
      if (controller.signal.aborted) return
      options.log.warn({profile: options.profile, err: error}, 'local miner could not answer')
      if (response.headersSent) response.destroy()
      else refuse(response, 500, 'generation failed')
    })
  })
  const port = await listen(server)
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  calls: Map<number, number>,
  options: MinerOptions,
  signal: AbortSignal,
): Promise<void> {
  if (request.url !== '/generate') return refuse(response, 404, 'not found')
  if (request.method !== 'POST') return refuse(response, 405, 'method not allowed')
  const text = await readBody(request)
  if (text === undefined) return refuse(response, 413, 'the request is too large')
  const body = GenerateBody.safeParse(parseJson(text))
  if (!body.success) return refuse(response, 400, 'the request is not what the contract says')
  const {image, prompt, num_frames: frames, fps, width, height} = body.data
  const png = image === undefined ? undefined : decodePng(image)
  if (png === 'bad') return refuse(response, 400, 'the image is no base64 PNG')
  const hidden = png ? options.hidden.findByImage(png) : options.hidden.findByPrompt(prompt)
  if (!hidden) return refuse(response, 400, 'the image is of no task of this localnet')

  const earlier = calls.get(hidden.ordinal) ?? 0
  calls.set(hidden.ordinal, earlier + 1)
  const call = {wanted: {hidden, frames, fps, width, height}, earlier, response, signal}
  const answer = answers[options.profile]
  await (answer ? answer(call, options) : sendVideo(call, options))
}

async function sendVideo({wanted, response, signal}: Call, options: MinerOptions): Promise<void> {
  const file = await renderOwn(wanted, options, signal)
  response200(response, (await stat(file)).size)
  await pipeline(createReadStream(file), response, {signal})
}

async function renderOwn(wanted: Wanted, {profile, render}: MinerOptions, signal: AbortSignal): Promise<string> {
  return render(videoOf(profile) ?? profile, wanted, signal)
}

function response200(response: ServerResponse, length: number): void {
  response.writeHead(200, {
    'content-type': 'video/mp4',
    'content-length': length,
    'content-disposition': 'attachment; filename="video.mp4"',
  })
}

async function sendBytes(response: ServerResponse, type: string, bytes: Uint8Array): Promise<void> {
  response.writeHead(200, {'content-type': type, 'content-length': bytes.length}).end(bytes)
}

function refuse(response: ServerResponse, status: number, detail: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, {'content-type': 'application/json', connection: 'close', ...headers})
  response.end(JSON.stringify({detail}))
}

/** Undefined when the body is over the limit; the rest is not read. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({destroyOnReturn: false})) {
    // Without setEncoding, Node gives buffers here; its type says any.
    const bytes: Buffer = chunk
    size += bytes.length
    if (size > maxRequestBytes) return undefined
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function decodePng(image: string): Buffer | 'bad' {
  const bytes = Buffer.from(image, 'base64')
  const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
  return signature.every((byte, at) => bytes[at] === byte) ? bytes : 'bad'
}

/** One small buffer sent again and again: the body costs the asker, not us. */
function* zeros(total: number): Generator<Buffer> {
  const chunk = Buffer.alloc(1_048_576)
  for (let sent = 0; sent < total; sent += chunk.length) yield chunk.subarray(0, Math.min(chunk.length, total - sent))
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new LeomaError('config', 'PORT_UNAVAILABLE', 'a local miner could not open a port', {cause: error})),
    )
    server.listen(0, '127.0.0.1', () => {
      const address = server.address() as AddressInfo // listening on TCP, so never a pipe's name
      resolve(address.port)
    })
  })
}
