import {createHash} from 'node:crypto'
import {existsSync, readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {fileURLToPath} from 'node:url'
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {isKnown} from './kept-answer.js'

/** Where the build puts the dashboard; the same from the sources and from what was compiled. */
export const pageFolder = fileURLToPath(new URL('../../dist/web/', import.meta.url))

interface Asset {
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  /** By content coding, the smallest first; none for what is compressed in itself. */
  readonly coded: readonly (readonly [coding: string, bytes: Buffer])[]
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
}

export interface PageOptions {
  readonly folder?: string
  /** Origins beside this one that pictures and videos come from: the owner's bucket. */
  readonly mediaOrigins?: readonly string[]
}

/**
 * The dashboard: one document and files named after their content, read once and then served from memory. The policy
 * allows nothing from elsewhere and no code or style in the document itself.
 */
export function addPage(app: FastifyInstance, {folder = pageFolder, mediaOrigins = []}: PageOptions): void {
  let assets: ReadonlyMap<string, Asset> | undefined
  const find = (name: string) => {
    assets ??= readAssets(folder)
    return assets.get(name)
  }
  const policy = contentPolicy(mediaOrigins)
  // Whoever watches over a page asks for its head alone.
  app.get('/', {exposeHeadRoute: true}, (request, reply) => {
    const document = find('index.html')
    reply.headers({
      'content-security-policy': policy,
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    })
    if (document) return send(document, request, reply)
    return reply
      .code(503)
      .type('text/plain; charset=utf-8')
      .send('The dashboard has not been built: run npm run build. The API itself works, see /docs.\n')
  })
  app.get<{Params: {name: string}}>('/web/:name', (request, reply) => {
    const {name} = request.params
    const asset = name === 'index.html' ? undefined : find(name)
    if (!asset) return reply.callNotFound()
    // The name says what is in it, so nobody ever has to ask again.
    reply.headers({'cache-control': 'public, max-age=31536000, immutable', 'x-content-type-options': 'nosniff'})
    return send(asset, request, reply)
  })
}

export function contentPolicy(mediaOrigins: readonly string[]): string {
  const media = ["'self'", ...mediaOrigins].join(' ')
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "font-src 'self'",
    `img-src ${media}`,
    `media-src ${media}`,
    `connect-src ${media}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

function send(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  varyByEncoding(reply.header('etag', asset.etag))
  if (isKnown(request.headers['if-none-match'], asset.etag)) return reply.code(304).send()
  const [coding, bytes] = asset.coded.find(([name]) => accepts(request.headers['accept-encoding'], name)) ?? []
  if (coding !== undefined) reply.header('content-encoding', coding)
  return reply.type(asset.type).send(bytes ?? asset.plain)
}

/** Beside whatever else the answer depends on. */
export function varyByEncoding(reply: FastifyReply): void {
  const before = reply.getHeader('vary')
  reply.header('vary', before === undefined ? 'Accept-Encoding' : `${String(before)}, Accept-Encoding`)
}

/** Whether a client takes a content coding: named, and not with weight 0. */
export function accepts(header: string | string[] | undefined, coding: string): boolean {
  return String(header ?? '')
    .split(',')
    .some((part) => {
      const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase())
      return name === coding && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))
    })
}

/** What the build compressed is taken as it is; nothing is compressed while somebody waits. */
function readAssets(folder: string): ReadonlyMap<string, Asset> {
  if (!existsSync(path.join(folder, 'index.html'))) return new Map()
  const names = readdirSync(folder).filter((name) => types[path.extname(name)] !== undefined)
  return new Map(
    names.map((name) => {
      const plain = readFileSync(path.join(folder, name))
      const type = types[path.extname(name)] ?? 'application/octet-stream'
      const coded = (['br', 'gz'] as const).flatMap((ending) => {
        const file = path.join(folder, `${name}.${ending}`)
        return existsSync(file) ? [[ending === 'gz' ? 'gzip' : 'br', readFileSync(file)] as const] : []
      })
      const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`
      return [name, {type, etag: `W/${etag}`, plain, coded}]
    }),
  )
}
