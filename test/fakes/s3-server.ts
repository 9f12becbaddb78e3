import {createHash, randomUUID} from 'node:crypto'
import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {checkBody, checkClaim, decodeAwsChunked, readClaim} from './s3-signature.js'

export type Right = 'get' | 'list' | 'put' | 'delete'

export interface S3Account {
  readonly accessKey: string
  readonly secretKey: string
  readonly rights: readonly Right[]
  /** All when absent. */
  readonly buckets?: readonly string[]
}

/** Whose habits the server has. */
export type Provider = 'aws' | 'hippius' | 'r2' | 'minio'

export interface Seen {
  /** `PutObject`, `UploadPart`, … */
  readonly operation: string
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly accessKey: string | undefined
  /** How often this operation on this key has been asked for, this one included. */
  readonly nth: number
}

/** What goes wrong with one request, and when. */
export type Fault =
  | {readonly status: number; readonly code?: string; readonly headers?: Record<string, string>; readonly body?: string}
  /** Nothing is answered. */
  | 'hang'
  /** The connection ends before anything is read. */
  | 'drop'
  /** The connection ends in the middle of the body, whichever way it goes. */
  | 'drop-mid-body'
  /** The work is done, its answer is lost. */
  | 'drop-after'
  /** Half of the body, then nothing more on an open connection. */
  | 'stall'
  /** Half of the body under its whole length. */
  | 'truncate'
  /** A `Content-Length` that is too small for the body. */
  | 'short-length'
  /** Other bytes of the same number. */
  | 'corrupt'

export interface S3ServerOptions {
  /** Where nothing listened before; a free one when absent. */
  readonly port?: number
  readonly accounts: readonly S3Account[]
  readonly buckets?: readonly string[]
  readonly provider?: Provider
  readonly region?: string
  /** Buckets whose objects anyone may read. */
  readonly public?: readonly string[]
  /** False refuses bodies in aws-chunked encoding, as stores without it do. */
  readonly decodesChunked?: boolean
  /** Keys on a page of a listing, at most 1,000. */
  readonly pageSize?: number
  readonly minPartBytes?: number
}

interface StoredBody {
  readonly bytes: Buffer
  readonly etag: string
  readonly type: string
  readonly at: Date
}

interface PartsUpload {
  readonly id: string
  readonly bucket: string
  readonly key: string
  readonly type: string
  readonly at: Date
  readonly parts: Map<number, {bytes: Buffer; etag: string}>
}

class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly headers: Record<string, string>

  constructor(status: number, code: string, message = code, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')
const escaped = (text: string) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
const tag = (name: string, value: string | number | boolean) => `<${name}>${escaped(String(value))}</${name}>`
const statuses: Record<string, number> = {InvalidAccessKeyId: 403, AuthorizationHeaderMalformed: 400}

/**
 * An S3 server in memory that speaks real HTTP on loopback: signatures checked, listings in pages, objects in parts,
 * with the habits of a provider and whatever faults a test asks for.
 */
export class S3Server {
  readonly buckets = new Map<string, Map<string, StoredBody>>()
  readonly uploads = new Map<string, PartsUpload>()
  readonly requests: Seen[] = []
  /** Consulted for every request whose signature is right. */
  fault: (seen: Seen) => Fault | undefined = () => undefined
  /** False stands for an account that has used up its credit. */
  hasCredit = true
  /** Moves the server's clock against this machine's. */
  skewMs = 0
  readonly #options: S3ServerOptions
  readonly #server: Server

  private constructor(options: S3ServerOptions) {
    this.#options = options
    for (const bucket of options.buckets ?? ['samples']) this.buckets.set(bucket, new Map())
    this.#server = createServer((request, response) => void this.#handle(request, response, false))
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      void this.#handle(request, response, true)
    })
  }

  static async start(options: S3ServerOptions): Promise<S3Server> {
    const server = new S3Server(options)
    await new Promise<void>((done) => server.#server.listen(options.port ?? 0, '127.0.0.1', done))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get region(): string {
    const {provider = 'aws', region} = this.#options
    return region ?? {aws: 'us-east-1', minio: 'us-east-1', hippius: 'decentralized', r2: 'auto'}[provider]
  }

  /** Operations in the order in which they were asked for. */
  operations(): string[] {
    return this.requests.map(({operation}) => operation)
  }

  count(operation: string): number {
    return this.operations().filter((name) => name === operation).length
  }

  object(key: string, bucket = 'samples'): Buffer | undefined {
    return this.buckets.get(bucket)?.get(key)?.bytes
  }

  put(key: string, bytes: Buffer | string, bucket = 'samples'): void {
    const body = Buffer.from(bytes)
    this.buckets
      .get(bucket)
      ?.set(key, {bytes: body, etag: `"${md5(body)}"`, type: 'binary/octet-stream', at: new Date()})
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((done) => this.#server.close(() => done()))
  }

  async #handle(request: IncomingMessage, response: ServerResponse, asksToContinue: boolean): Promise<void> {
    request.on('error', () => {})
    response.on('error', () => {})
    response.setHeader('x-amz-request-id', randomUUID())
    if (this.skewMs !== 0) response.setHeader('date', new Date(Date.now() + this.skewMs).toUTCString())
    try {
      await this.#serve(request, response, asksToContinue)
    } catch (error) {
      if (!(error instanceof Refused)) {
        response.destroy()
        if (request.destroyed) return
        throw error
      }
      const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${tag('Code', error.code)}${tag('Message', error.message)}</Error>`
      // What was not read of the body must not be taken for the next request.
      const closing = request.complete ? {} : {connection: 'close'}
      response.writeHead(error.status, {'content-type': 'application/xml', ...closing, ...error.headers})
      response.end(request.method === 'HEAD' ? undefined : body)
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, asksToContinue: boolean): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host')
    const [, bucket = '', ...rest] = url.pathname.split('/')
    const key = decodeURIComponent(rest.join('/'))
    const operation = operationOf(request.method ?? '', key, url.searchParams)
    const claim = readClaim(request, url)
    const account = this.#options.accounts.find(({accessKey}) => accessKey === claim?.accessKey)
    const nth = 1 + this.requests.filter((other) => other.operation === operation && other.key === key).length
    const seen: Seen = {
      operation,
      bucket,
      key,
      query: url.searchParams,
      headers: request.headers,
      accessKey: claim?.accessKey,
      nth,
    }
    this.requests.push(seen)

    const fault = this.fault(seen)
    if (fault === 'hang') return
    if (fault === 'drop') return void request.socket.destroy()
    if (typeof fault === 'object') {
      if (fault.body === undefined) throw new Refused(fault.status, fault.code ?? 'Error', fault.code, fault.headers)
      return void response.writeHead(fault.status, fault.headers).end(fault.body)
    }

    if (claim) {
      const verdict = checkClaim(request, url, claim, account?.secretKey, this.region, Date.now() + this.skewMs)
      if ('code' in verdict) throw new Refused(statuses[verdict.code] ?? 403, verdict.code, verdict.message)
    }
    this.#authorise(operation, bucket, account)
    if (asksToContinue) response.writeContinue()
    if (fault === 'drop-mid-body' && request.method === 'PUT') {
      request.once('data', () => request.socket.destroy())
      return
    }
    let body = await read(request)
    const length = Number(request.headers['content-length'] ?? 0)
    if (body.length !== length && request.headers['transfer-encoding'] === undefined)
      throw new Refused(400, 'IncompleteBody')
    if (claim && checkBody(claim, body)) throw new Refused(400, 'XAmzContentSHA256Mismatch')
    if (request.headers['content-encoding'] === 'aws-chunked') {
      if (this.#options.decodesChunked === false) throw new Refused(501, 'NotImplemented', 'aws-chunked')
      body = decodeAwsChunked(body)
    } else if (request.method === 'PUT' && request.headers['content-length'] === undefined) {
      throw new Refused(411, 'MissingContentLength')
    }
    const reply = this.#run(operation, bucket, key, url.searchParams, request.headers, body)
    if (fault === 'drop-after') return void request.socket.destroy()
    await send(response, reply, request.method === 'HEAD', fault)
  }

  #authorise(operation: string, bucket: string, account: S3Account | undefined): void {
    const right = rightOf(operation)
    const isPublic = this.#options.public?.includes(bucket) && right === 'get'
    if (!isPublic && !(account?.rights.includes(right) && (account.buckets?.includes(bucket) ?? true))) {
      throw new Refused(403, 'AccessDenied', 'Access Denied')
    }
    if (this.#options.provider === 'hippius' && right === 'put' && !this.hasCredit) {
      throw new Refused(402, 'InsufficientCredits', 'The account has no credit left')
    }
    if (!this.buckets.has(bucket)) throw new Refused(404, 'NoSuchBucket', 'The specified bucket does not exist')
  }

  #run(
    operation: string,
    bucket: string,
    key: string,
    query: URLSearchParams,
    headers: IncomingMessage['headers'],
    body: Buffer,
  ): Reply {
    const objects = this.buckets.get(bucket) ?? new Map<string, StoredBody>()
    const type = headers['content-type'] ?? 'binary/octet-stream'
    switch (operation) {
      case 'PutObject': {
        // Hippius stores what it should refuse.
        const isConditional = headers['if-none-match'] === '*' && this.#options.provider !== 'hippius'
        if (isConditional && objects.has(key)) throw new Refused(412, 'PreconditionFailed')
        const etag = `"${md5(body)}"`
        objects.set(key, {bytes: body, etag, type, at: new Date()})
        return {status: 200, headers: {etag}}
      }
      case 'GetObject':
      case 'HeadObject': {
        const stored = objects.get(key)
        if (!stored) throw new Refused(404, 'NoSuchKey', 'The specified key does not exist.')
        const {etag, at} = stored
        return {
          status: 200,
          headers: {etag, 'content-type': stored.type, 'last-modified': at.toUTCString()},
          body: stored.bytes,
        }
      }
      case 'DeleteObject':
        objects.delete(key)
        return {status: 204}
      case 'HeadBucket':
        return {status: 200}
      case 'ListObjectsV2':
        return this.#list(objects, bucket, query)
      case 'CreateMultipartUpload': {
        const id = randomUUID()
        this.uploads.set(id, {id, bucket, key, type, at: new Date(), parts: new Map()})
        return xml('InitiateMultipartUploadResult', tag('Bucket', bucket) + tag('Key', key) + tag('UploadId', id))
      }
      case 'UploadPart': {
        const etag = `"${md5(body)}"`
        this.#upload(query).parts.set(Number(query.get('partNumber')), {bytes: body, etag})
        return {status: 200, headers: {etag}}
      }
      case 'ListParts': {
        const parts = [...this.#upload(query).parts].sort(([a], [b]) => a - b)
        const rows = parts.map(
          ([number, {bytes, etag}]) =>
            `<Part>${tag('PartNumber', number)}${tag('ETag', etag)}${tag('Size', bytes.length)}</Part>`,
        )
        return xml('ListPartsResult', tag('IsTruncated', false) + rows.join(''))
      }
      case 'ListMultipartUploads': {
        const rows = [...this.uploads.values()]
          .filter((upload) => upload.bucket === bucket && upload.key.startsWith(query.get('prefix') ?? ''))
          .map(
            (upload) =>
              `<Upload>${tag('Key', upload.key)}${tag('UploadId', upload.id)}${tag('Initiated', upload.at.toISOString())}</Upload>`,
          )
        return xml('ListMultipartUploadsResult', tag('IsTruncated', false) + rows.join(''))
      }
      case 'AbortMultipartUpload':
        this.uploads.delete(this.#upload(query).id)
        return {status: 204}
      case 'CompleteMultipartUpload':
        return this.#complete(objects, this.#upload(query), body.toString())
      default:
        throw new Refused(501, 'NotImplemented', operation)
    }
  }

  #upload(query: URLSearchParams): PartsUpload {
    const upload = this.uploads.get(query.get('uploadId') ?? '')
    if (!upload) throw new Refused(404, 'NoSuchUpload', 'The specified upload does not exist.')
    return upload
  }

  #complete(objects: Map<string, StoredBody>, upload: PartsUpload, body: string): Reply {
    const named = [...body.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? '').replaceAll('&quot;', '"').replaceAll('&#34;', '"'),
    }))
    const parts = named.map(({number, etag}) => {
      const part = upload.parts.get(number)
      if (!part || part.etag !== etag) throw new Refused(400, 'InvalidPart')
      return part
    })
    if (named.length === 0 || named.some(({number}, at) => at > 0 && number <= (named[at - 1]?.number ?? 0))) {
      throw new Refused(400, 'InvalidPartOrder')
    }
    const {minPartBytes = 5 * 1024 * 1024, provider} = this.#options
    const whole = parts.slice(0, -1).map(({bytes}) => bytes)
    if (whole.some(({length}) => length < minPartBytes)) throw new Refused(400, 'EntityTooSmall')
    if (provider === 'r2' && whole.some(({length}) => length !== whole[0]?.length)) {
      throw new Refused(400, 'InvalidPart', 'All non-trailing parts must have the same length.')
    }
    // Put together when it is read: a real store does not copy what it has on disk either.
    let bytes: Buffer | undefined
    const sums = parts.map((part) => Buffer.from(part.etag.replaceAll('"', ''), 'hex'))
    const etag = `"${md5(Buffer.concat(sums))}-${parts.length}"`
    objects.set(upload.key, {
      get bytes() {
        bytes ??= Buffer.concat(parts.map((part) => part.bytes))
        return bytes
      },
      ...{etag, type: upload.type, at: new Date()},
    })
    this.uploads.delete(upload.id)
    return xml('CompleteMultipartUploadResult', tag('Key', upload.key) + tag('ETag', etag))
  }

  #list(objects: Map<string, StoredBody>, bucket: string, query: URLSearchParams): Reply {
    const prefix = query.get('prefix') ?? ''
    const after =
      Buffer.from(query.get('continuation-token') ?? '', 'base64url').toString() || (query.get('start-after') ?? '')
    const size = Math.min(Number(query.get('max-keys') ?? 1000), this.#options.pageSize ?? 1000)
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort()
    const page = keys.slice(0, size)
    const isTruncated = keys.length > page.length
    const rows = page.map((key) => {
      const {bytes, etag, at} = objects.get(key) as StoredBody // its key was just read
      return `<Contents>${tag('Key', key)}${tag('LastModified', at.toISOString())}${tag('ETag', etag)}${tag('Size', bytes.length)}</Contents>`
    })
    const next = isTruncated ? tag('NextContinuationToken', Buffer.from(page.at(-1) ?? '').toString('base64url')) : ''
    const head =
      tag('Name', bucket) + tag('Prefix', prefix) + tag('KeyCount', page.length) + tag('IsTruncated', isTruncated)
    return xml('ListBucketResult', head + next + rows.join(''))
  }
}

interface Reply {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: Buffer
}

function xml(root: string, inner: string): Reply {
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</${root}>`
  return {status: 200, headers: {'content-type': 'application/xml'}, body: Buffer.from(text)}
}

async function send(response: ServerResponse, reply: Reply, isHead: boolean, fault: Fault | undefined): Promise<void> {
  const {status, headers = {}, body = Buffer.alloc(0)} = reply
  const half = body.subarray(0, Math.ceil(body.length / 2))
  if (fault === 'short-length') {
    response.writeHead(status, {...headers, 'content-length': half.length, connection: 'close'})
    // Past Node's own check, as a proxy that counts wrongly would.
    response.write(half)
    response.socket?.end(body.subarray(half.length))
    return
  }
  response.writeHead(status, {...headers, ...(status === 204 ? {} : {'content-length': body.length})})
  if (isHead) return void response.end()
  if (fault === 'corrupt') return void response.end(Buffer.from(body).fill('x', 0, 1))
  if (fault !== 'truncate' && fault !== 'stall' && fault !== 'drop-mid-body') return void response.end(body)
  await new Promise((done) => response.write(half, done))
  if (fault === 'truncate') response.socket?.end()
  if (fault === 'drop-mid-body') response.socket?.resetAndDestroy()
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of request as AsyncIterable<Uint8Array>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function operationOf(method: string, key: string, query: URLSearchParams): string {
  const inParts = query.has('uploadId')
  if (key === '') {
    if (method === 'HEAD') return 'HeadBucket'
    if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
    if (method === 'GET' && query.get('list-type') === '2') return 'ListObjectsV2'
  } else if (method === 'POST') return query.has('uploads') ? 'CreateMultipartUpload' : 'CompleteMultipartUpload'
  else if (method === 'PUT') return inParts ? 'UploadPart' : 'PutObject'
  else if (method === 'GET') return inParts ? 'ListParts' : 'GetObject'
  else if (method === 'HEAD') return 'HeadObject'
  else if (method === 'DELETE') return inParts ? 'AbortMultipartUpload' : 'DeleteObject'
  return `${method} ${key} ${query}`
}

function rightOf(operation: string): Right {
  if (operation === 'DeleteObject') return 'delete'
  if (operation === 'ListObjectsV2' || operation === 'HeadBucket') return 'list'
  return operation === 'GetObject' || operation === 'HeadObject' ? 'get' : 'put'
}
