import {createServer, type RequestListener, type Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import type {FastifyInstance} from 'fastify'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {HttpOwnerApi} from '../../../src/api/client.js'
import {sampleOf} from '../../../src/api/sample.js'
import {SampleSubmission} from '../../../src/api/schemas.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import type {Scorer} from '../../../src/services/scorer.js'
import {countVerdicts} from '../../../src/store/verdicts.js'
import type {Signer} from '../../../src/wallet/port.js'
import {miners, netuid, never, OwnerWorld, owner, stranger, validators} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(async () => {
  world = await new OwnerWorld().ready()
})
afterEach(() => world.close())

const [alice, bob] = validators as [Signer, Signer]
const dave = miners[0]!.hotkey
const client = (url: string, signer?: Signer, changes: {timeoutMs?: number; attempts?: number} = {}) =>
  new HttpOwnerApi({url, netuid, signer, time: world.time, timeoutMs: 5000, log: silentLogger(), ...changes})

describe('against the real server', () => {
  let app: FastifyInstance
  let scorer: Scorer
  let url: string
  beforeEach(async () => {
    scorer = world.scorer()
    app = world.server({scorer})
    url = await app.listen({port: 0, host: '127.0.0.1'})
  })
  const submit = (api: HttpOwnerApi, signer: Signer, task = world.manifest(1)) =>
    api.submitVerdicts(
      {
        manifest: task,
        bucket: 'samples',
        verdicts: miners.map(({hotkey}) => world.verdict(task, signer, hotkey, hotkey === dave)),
      },
      never,
    )

  it('takes a task from publication to weights', async () => {
    const sampler = client(url, owner)
    const reader = client(url)
    expect(await reader.latestTask(never)).toBeUndefined()
    expect(await reader.ranking(never)).toBeUndefined()
    expect(await reader.exam(never)).toEqual(world.exam())
    expect((await sampler.validMiners(never)).valid_count).toBe(4)
    expect((await reader.miners(never)).total).toBe(4)
    expect(await reader.voters(never)).toEqual(world.manifest(1).manifest.voters)

    for (const id of [1, 2]) {
      const task = world.manifest(id)
      await sampler.publishTask(task, never)
      await sampler.publishTask(task, never)
      for (const validator of validators) await submit(client(url, validator), validator, task)
    }
    expect(await reader.latestTask(never)).toBe(2)
    expect((await reader.tasksAfter(1, 10, never)).map(({manifest}) => manifest.taskId)).toEqual([2])
    expect(await reader.settledAfter(0, 10, never)).toEqual([])
    world.settle()
    await scorer.turn(never)

    expect((await reader.settledAfter(0, 10, never)).map(({verdicts}) => verdicts.length)).toEqual([12, 12])
    expect(await reader.weights(never)).toMatchObject({winner_uid: 10, burn: false})
    expect((await reader.rank(never)).ranks[0]).toMatchObject({miner_hotkey: dave, rank: 1})
    expect(await reader.ranking(never)).toEqual({
      ranking: scorer.current()?.ranking,
      view: scorer.current()?.view,
    })
    expect(await reader.health(never)).toMatchObject({database: true})
  })

  it('submits again without harm, and is told for good when it cannot', async () => {
    const task = world.manifest(1)
    await client(url, owner).publishTask(task, never)
    const api = client(url, alice)
    await submit(api, alice, task)
    await submit(api, alice, task)
    expect(countVerdicts(world.store)).toBe(4)
    world.chain.block = 500
    world.settle()

    await expect(submit(client(url, bob), bob, task)).rejects.toMatchObject({
      code: 'VERDICTS_REFUSED',
      kind: 'upstream',
      retryable: false,
      status: 409,
    })
    await submit(api, alice, task)
  })

  it('signs so that nobody can show the request as another one', async () => {
    const versions: unknown[] = []
    app.server.on('request', ({headers}) => {
      if (headers['x-signature']) versions.push(headers['x-signature-version'])
    })

    await client(url, alice).validMiners(never)
    await client(url, owner).publishTask(world.manifest(1), never)

    expect(versions).toEqual(['2', '2'])
  })

  it('says who may not call, without trying again', async () => {
    await expect(client(url, stranger).validMiners(never)).rejects.toMatchObject({kind: 'auth', code: 'API_FORBIDDEN'})
    await expect(client(url, alice).publishTask(world.manifest(1), never)).rejects.toMatchObject({
      kind: 'auth',
      status: 403,
    })
    await expect(client(url).validMiners(never)).rejects.toMatchObject({kind: 'auth', code: 'SIGNER_MISSING'})
  })

  it('refuses for good what the server refuses', async () => {
    await expect(client(url, owner).publishTask(world.manifest(5), never)).rejects.toMatchObject({
      code: 'API_REFUSED',
      status: 409,
    })
  })
})

describe('against a server that misbehaves', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener)
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  }

  it('asks again after a failure, with a fresh signature', async () => {
    const seen: unknown[] = []
    const url = await serve((request, response) => {
      if (request.url === '/health') return void response.end('{}')
      seen.push(request.headers['x-signature'])
      response.statusCode = seen.length < 3 ? 500 : 200
      response.end(JSON.stringify({miners: [], total: 0, valid_count: 0}))
    })

    expect(await client(url, alice).validMiners(never)).toMatchObject({total: 0})
    expect(new Set(seen).size).toBe(3)
  })

  it('gives up after its attempts, saying what came back', async () => {
    let count = 0
    const url = await serve((_, response) => {
      count++
      response.statusCode = 502
      response.end('<html>bad gateway</html>')
    })

    await expect(client(url).health(never)).rejects.toMatchObject({
      code: 'API_FAILED',
      retryable: true,
      message: expect.stringContaining('bad gateway'),
    })
    expect(count).toBe(3)
  })

  it('waits as long as it is told to, within reason', async () => {
    const pauses: number[] = []
    const url = await serve((_, response) => {
      response.writeHead(pauses.length === 0 ? 429 : 200, {'retry-after': '7'})
      response.end('{"task_id":1}')
    })
    const time = {now: world.time.now, sleep: async (ms: number) => void pauses.push(ms)}

    await new HttpOwnerApi({url, netuid, time, timeoutMs: 5000, log: silentLogger()}).latestTask(never)

    expect(pauses).toEqual([7000])
  })

  it('stops waiting for an answer that does not come', async () => {
    const url = await serve(() => {})

    await expect(client(url, undefined, {timeoutMs: 50, attempts: 1}).health(never)).rejects.toMatchObject({
      code: 'API_TIMEOUT',
      kind: 'upstream',
    })
  })

  it('stops at once when it is told to stop', async () => {
    const url = await serve(() => controller.abort(new Error('stop')))
    const controller = new AbortController()

    await expect(client(url).health(controller.signal)).rejects.toThrow('stop')
  })

  it('names an address where nobody answers', async () => {
    await expect(client('http://127.0.0.1:1', undefined, {attempts: 1}).health(never)).rejects.toMatchObject({
      code: 'API_UNREACHABLE',
    })
  })

  it.each(['no json', '{"task_id":"one"}', '[]', ''])('does not believe the answer %s', async (body) => {
    const url = await serve((_, response) => response.end(body))

    await expect(client(url).latestTask(never)).rejects.toMatchObject({code: 'API_ANSWER_INVALID', retryable: false})
  })

  it('does not read without end', async () => {
    let sent = 0
    const url = await serve((_, response) => {
      const piece = Buffer.alloc(1024 * 1024, 0x20)
      const more = () => {
        while (!response.destroyed && sent < 300) {
          sent++
          if (!response.write(piece)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })

    await expect(client(url).health(never)).rejects.toMatchObject({code: 'API_ANSWER_TOO_LARGE'})
    expect(sent).toBeLessThan(300)
  })

  it('signs in the published version for a server that offers no other, and learns when it changes', async () => {
    const versions: unknown[] = []
    let offer: string | undefined
    const url = await serve((request, response) => {
      if (offer) response.setHeader('x-signature-versions', offer)
      if (request.url === '/health') return void response.end('{}')
      const version = request.headers['x-signature-version'] ?? '1'
      versions.push(version)
      response.statusCode = version === '2' && !offer ? 401 : 200
      response.end(JSON.stringify({miners: [], total: 0, valid_count: 0}))
    })
    const api = client(url, alice)

    await api.validMiners(never)
    offer = '1, 2'
    await api.validMiners(never)
    await api.validMiners(never)
    offer = undefined
    await expect(api.validMiners(never)).rejects.toMatchObject({code: 'API_FORBIDDEN'})
    await api.validMiners(never)

    expect(versions).toEqual(['1', '1', '2', '2', '1'])
  })

  it('asks whether an answer still holds, and reads it again when it does not', async () => {
    const seen: unknown[] = []
    let current = 1
    const url = await serve((request, response) => {
      seen.push(request.headers['if-none-match'])
      const isKnown = request.headers['if-none-match'] === `"${current}"`
      response.writeHead(isKnown ? 304 : 200, {etag: `"${current}"`})
      response.end(isKnown ? undefined : JSON.stringify({task_id: current}))
    })
    const api = client(url)

    const answers = [await api.latestTask(never), await api.latestTask(never)]
    current = 2
    answers.push(await api.latestTask(never), await api.latestTask(never))

    expect(answers).toEqual([1, 1, 2, 2])
    expect(seen).toEqual([undefined, '"1"', '"1"', '"2"'])
  })

  it('sends a large task in pieces of at most 100, each signed', async () => {
    const sizes: number[] = []
    const url = await serve(async (request, response) => {
      if (request.url === '/health') return void response.end('{}')
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = JSON.parse(Buffer.concat(chunks).toString())
      sizes.push(body.samples.length)
      expect(body.signature).toMatch(/^0x[0-9a-f]{128}$/)
      response.end('[]')
    })
    const task = world.manifest(1)
    const verdict = world.verdict(task, alice, dave, true)

    await client(url, alice).submitVerdicts({verdicts: Array(230).fill(verdict), manifest: task, bucket: 'b'}, never)

    expect(sizes).toEqual([100, 100, 30])
  })
})

it('renders the longest verdict within the published limits', () => {
  const task = world.manifest(1, {prompt: {text: '😀'.repeat(2000), author: 'measured'}})
  const long = '"'.repeat(200)
  const verdict = world.verdict(task, alice, dave, true, {
    reasoning: '\u0001'.repeat(2000),
    issues: Array(20).fill(long),
    strengths: Array(20).fill(long),
  })

  const sample = sampleOf(verdict, task, 'samples')

  expect(SampleSubmission.safeParse(sample).error).toBeUndefined()
  expect(JSON.parse(sample.generated_artifacts ?? '')).toMatchObject({
    overall_score: 90,
    aspect_scores: {motion_quality: 90},
  })
  expect(JSON.parse(sample.generated_artifacts ?? '').major_issues.length).toBeGreaterThan(0)
})
