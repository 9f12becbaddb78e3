import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import type {Artefact, TaskManifest} from '../domain/task.js'
import {LeomaError} from '../errors.js'
import type {OpenObjects} from '../objects/port.js'
import type {Store} from '../store/open.js'
import {findManifest} from '../store/tasks.js'
import {parseRange} from './byte-range.js'
import {isKnown} from './kept-answer.js'
import {Refusal} from './refusal.js'

export interface MediaDeps {
  readonly store: Store
  /** The samples bucket, where this process can read it itself. */
  readonly artefacts?: OpenObjects | undefined
  /** Where a browser finds an object otherwise; null when nowhere. */
  readonly mediaUrl?: ((key: string) => Promise<string | null>) | undefined
}

/**
 * `GET /media/{task}/clip|frame|outputs/{hotkey}`: what a published manifest names, and nothing else of the bucket. Bytes
 * that miners made are never shown as anything but a video: no sniffing, no scripts, no frames.
 */
export function addMedia(app: FastifyInstance, deps: MediaDeps, signal: AbortSignal): void {
  const handler = (pick: (manifest: TaskManifest, request: FastifyRequest) => Artefact | null, type: string) => {
    return async (request: FastifyRequest, reply: FastifyReply) => {
      const {task} = request.params as {task: string} // Digits: the route's own pattern.
      const manifest = Number(task) <= 2_147_483_647 ? findManifest(deps.store, Number(task))?.manifest : undefined
      const artefact = manifest && pick(manifest, request)
      if (!artefact) throw new Refusal(404, 'Not Found')
      if (deps.artefacts) return serve(deps.artefacts, {artefact, type}, request, reply, signal)
      const url = await deps.mediaUrl?.(artefact.key)
      if (!url) throw new Refusal(404, 'The owner serves no artefacts')
      // Half of what an address holds at least, where addresses end.
      return reply.code(307).headers({location: url, 'cache-control': 'private, max-age=30'}).send()
    }
  }
  const task = '/media/:task(^\\d{1,10}$)'
  app.get(
    `${task}/clip.mp4`,
    handler(({clip}) => clip, 'video/mp4'),
  )
  app.get(
    `${task}/frame.png`,
    handler(({firstFrame}) => firstFrame, 'image/png'),
  )
  app.get(
    `${task}/outputs/:file(^[1-9A-HJ-NP-Za-km-z]{47,48}\\.mp4$)`,
    handler(({answers}, request) => {
      const {file} = request.params as {file: string} // As above.
      return answers.find(({hotkey}) => `${hotkey}.mp4` === file)?.output ?? null
    }, 'video/mp4'),
  )
}

async function serve(
  objects: OpenObjects,
  {artefact, type}: {artefact: Artefact; type: string},
  request: FastifyRequest,
  reply: FastifyReply,
  signal: AbortSignal,
): Promise<FastifyReply> {
  const etag = `"${artefact.sha256}"`
  reply.headers({
    etag,
    'cache-control': 'public, max-age=31536000, immutable',
    'content-security-policy': "default-src 'none'; sandbox",
    'content-disposition': `${'download' in (request.query as object) ? 'attachment' : 'inline'}; filename="${fileName(artefact.key)}"`,
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
  })
  if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
  const object = await open(objects, artefact.key, signal)
  const range = parseRange(request.headers.range, object.sizeBytes)
  if (range === 'unsatisfiable') {
    await object.close()
    return reply.code(416).header('content-range', `bytes */${object.sizeBytes}`).send()
  }
  const {from, to} = range ?? {from: 0, to: object.sizeBytes - 1}
  if (range) reply.code(206).header('content-range', `bytes ${from}-${to}/${object.sizeBytes}`)
  return reply
    .type(type)
    .header('content-length', to - from + 1)
    .send(object.stream(from, to))
}

async function open(objects: OpenObjects, key: string, signal: AbortSignal) {
  try {
    return await objects.open(key, signal)
  } catch (error) {
    if (error instanceof LeomaError && error.code === 'OBJECT_MISSING') throw new Refusal(404, 'Not Found')
    throw error
  }
}

/** Keys hold nothing that would end the quotes. */
const fileName = (key: string) => key.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
