import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify'
import {TaskId} from '../domain/ids.js'
import type {TaskManifest} from '../domain/task.js'
import type {Store} from '../store/open.js'
import {findManifest} from '../store/tasks.js'
import {Refusal} from './refusal.js'

/** Hands out addresses under which an object of the samples bucket can be read for a while, without a key. */
export interface Addresses {
  readonly bucket: string
  /** How long one holds, in seconds. */
  readonly seconds: number
  /** Made on this machine, without asking the store. */
  presign(key: string, seconds: number, method: 'GET' | 'HEAD'): Promise<string>
}

/**
 * `GET /objects/{bucket}/{key}` redirects to the store, so that validators need no key where the owner allows it. Only
 * what a published task names has an address: nothing of a round that is still going on, and nothing else of the bucket.
 */
export function addObjects(
  app: FastifyInstance,
  {store, addresses}: {store: Store; addresses?: Addresses | undefined},
) {
  if (!addresses) return
  app.route({
    method: ['GET', 'HEAD'],
    url: '/objects/:bucket/*',
    config: {label: '/objects/{bucket}/{key}'},
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const {bucket, '*': key} = request.params as {bucket: string; '*': string} // As the pattern says.
      if (bucket !== addresses.bucket || !isPublished(key, store)) throw new Refusal(404, 'Not Found')
      const location = await addresses.presign(key, addresses.seconds, request.method === 'HEAD' ? 'HEAD' : 'GET')
      // Whoever keeps the answer must not be left with an address that no longer holds.
      const maxAgeS = Math.floor(addresses.seconds / 2)
      return reply
        .code(307)
        .headers({location, 'cache-control': `private, max-age=${maxAgeS}`})
        .send()
    },
  })
}

function isPublished(key: string, store: Store): boolean {
  const taskId = TaskId.safeParse(Number(/^(\d{1,10})\//.exec(key)?.[1]))
  const manifest = taskId.success ? findManifest(store, taskId.data)?.manifest : undefined
  return manifest !== undefined && names(manifest, key)
}

function names({taskId, clip, firstFrame, answers}: TaskManifest, key: string): boolean {
  const isItsOwn = key === `${taskId}/manifest.json` || key === `${taskId}/metadata.json`
  return isItsOwn || clip.key === key || firstFrame?.key === key || answers.some(({output}) => output?.key === key)
}
