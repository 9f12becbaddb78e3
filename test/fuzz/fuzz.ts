import fc from 'fast-check'
import type {FastifyInstance, InjectOptions} from 'fastify'
import {signRequest, signRequest2} from '../../src/api/signature.js'
import {withDeadline} from '../../src/runtime/deadline.js'
import {miners, netuid, never, OwnerWorld, owner, stranger, validators} from '../helpers/owner-world.js'
import {type FuzzRequest, OpenApi, requests} from './requests.js'

/** A request that takes this long hangs. */
const deadlineMs = 20_000
/** Not worth announcing for each operation: no route, another method, too many, or what HTTP itself refuses. */
const always = [404, 405, 413, 429]

export interface FuzzReport {
  readonly requests: number
  readonly statuses: Readonly<Record<string, number>>
  readonly operations: number
}

/** A subnet with everything in it that a request can be about. */
export async function fuzzWorld(): Promise<{world: OwnerWorld; app: FastifyInstance}> {
  const world = await new OwnerWorld().ready()
  const scorer = world.scorer()
  const app = world.server({scorer})
  for (const id of [1, 2]) await world.judgedTask(app, id, (miner) => miner === miners[0]?.hotkey)
  world.settle()
  await scorer.turn(never)
  await world.expectOk(world.send(app, owner, 'POST', '/tasks', world.manifest(3)))
  return {world, app}
}

/** Sends what the document describes, right and wrong; throws with the smallest request that is answered badly. */
export async function fuzz(
  {world, app}: {world: OwnerWorld; app: FastifyInstance},
  options: {readonly runs: number; readonly seed?: number; readonly onRequest?: () => void},
): Promise<FuzzReport> {
  const document = OpenApi.parse((await app.inject({url: '/openapi.json'})).json())
  const open = world.manifest(3)
  const alice = validators[0] ?? owner
  const statuses: Record<string, number> = {}
  const seen = new Set<string>()
  let count = 0
  const property = fc.asyncProperty(
    requests(document, {
      known: [
        ...[alice.hotkey, owner.hotkey, stranger.hotkey, ...miners.map(({hotkey}) => hotkey)],
        ...['1', '2', '3', '4', '10', '100'],
      ],
      bodies: {
        'POST /samples': [world.sample(open, alice, miners[0]?.hotkey ?? alice.hotkey, true)],
        'POST /samples/batch': [world.batch(open, alice, () => true)],
        'POST /blacklist': [{hotkey: stranger.hotkey, reason: 'spam'}],
        'POST /tasks': [world.manifest(4)],
      },
    }),
    async (request) => {
      // Time goes on, so that no two signatures of one kind are the same.
      world.nowMs += 1000
      count++
      options.onRequest?.()
      const answer = await withDeadline(request.operation, deadlineMs, never, () =>
        app.inject(injected(request, world)),
      )
      const {statusCode, body, headers} = answer
      statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
      seen.add(request.operation)
      const fault = faultOf(request, statusCode, body, String(headers['content-type'] ?? ''))
      if (fault) throw new Error(`${fault}\n${statusCode} ${body.slice(0, 500)}`)
    },
  )
  await fc.assert(property, {
    numRuns: options.runs,
    ...(options.seed === undefined ? {} : {seed: options.seed}),
    ignoreEqualValues: false,
  })
  return {requests: count, statuses, operations: seen.size}
}

function injected(
  {method, url, payload, contentType, signature, version}: FuzzRequest,
  world: OwnerWorld,
): InjectOptions {
  const headers: Record<string, string> =
    contentType === undefined ? {} : {'content-type': contentType.replace('\u0007', '')}
  const signer = signature === 'admin' ? owner : signature === 'stranger' ? stranger : (validators[0] ?? owner)
  const body = payload ?? Buffer.alloc(0)
  if (signature !== 'none') {
    const signed =
      version === 1
        ? signRequest(signer, body, world.nowMs)
        : signRequest2(signer, {netuid, method, target: url, body}, world.nowMs)
    Object.assign(headers, signed)
  }
  if (signature === 'spoiled') headers['X-Signature'] = `0x${'8f'.repeat(64)}`
  if (signature === 'garbage')
    Object.assign(headers, {
      'X-Signature': 'é'.repeat(50),
      'X-Timestamp': '٣',
      'X-Validator-Hotkey': '{}',
      'X-Nonce': '\t',
    })
  return {
    method: method as 'GET',
    url,
    headers,
    ...(payload === undefined ? {} : {payload}),
  }
}

/** Why an answer is not as it should be; undefined when it is. */
function faultOf(
  {method, url, announced, operation}: FuzzRequest,
  status: number,
  body: string,
  contentType: string,
): string | undefined {
  const what = `${method} ${url.slice(0, 200)}`
  if (status >= 500 && !(operation === 'GET /ready' && status === 503)) return `${what} is a fault of the server`
  if (status === 307) return undefined
  if (!announced.has(status) && !always.includes(status))
    return `${what} has a status that ${operation} does not announce`
  const types = [...(announced.get(status) ?? []), ...(status < 400 ? [] : ['application/json'])]
  if (status !== 304 && !types.some((type) => contentType.startsWith(type))) return `${what} is of another media type`
  if (status < 400) return undefined
  const {detail} = JSON.parse(body) as {detail?: unknown} // Throws when it is no JSON, which is a fault too.
  const isFault = typeof detail === 'string' || (Array.isArray(detail) && detail.every(isListed))
  return isFault ? undefined : `${what} is refused in another form`
}

function isListed(item: unknown): boolean {
  return typeof item === 'object' && item !== null && 'type' in item && 'loc' in item && 'msg' in item
}
