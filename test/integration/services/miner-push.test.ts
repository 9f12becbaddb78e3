import {afterEach, beforeEach, expect, it} from 'vitest'
import {sha256} from '../../../src/domain/canonical.js'
import {ChutesDeployer} from '../../../src/models/chutes-deploy.js'
import {HuggingFace} from '../../../src/models/hugging-face.js'
import type {DeployProgram} from '../../../src/models/port.js'
import {type PushOptions, type PushStep, planPush, push} from '../../../src/services/miner-push.js'
import {ChutesServer} from '../../fakes/chutes-server.js'
import {HuggingFaceServer} from '../../fakes/hugging-face-server.js'
import {status} from '../../fakes/provider-server.js'

const {signal} = new AbortController()
const modelName = 'alice/leoma-5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const options: PushOptions = {
  modelName,
  modelRevision: 'a1'.repeat(20),
  username: undefined,
  shareWith: [],
  resources: {
    image: 'leoma/video-gen:1.0',
    gpuCount: 1,
    minVramGb: 80,
    gpus: [],
    concurrency: 4,
    maxInstances: 1,
    shutdownAfterS: 3600,
  },
}

let chutes: ChutesServer
let hub: HuggingFaceServer
let now = 0
const time = {
  now: () => now,
  sleep: async (ms: number) => {
    now += ms
  },
}
let deployer: ChutesDeployer
let steps: PushStep[]

beforeEach(async () => {
  ;[chutes, hub] = await Promise.all([ChutesServer.start(), HuggingFaceServer.start()])
  chutes.addUser('alice', 'cpk_alice')
  chutes.images.set('leoma/video-gen:1.0', {owner: 'leoma', public: true, status: 'built and pushed'})
  const files = [{path: 'a.safetensors', size: 1, sha256: sha256('a')}]
  hub.repositories.set(modelName, {sha: options.modelRevision, files})
  deployer = new ChutesDeployer({
    url: chutes.url,
    invokeUrl: chutes.invokeUrl,
    apiKey: 'cpk_alice',
    time,
    firstPauseMs: 1,
    attempts: 1,
  })
  steps = []
  now = 1_800_000_000_000
})
afterEach(async () => {
  await Promise.all([chutes.close(), hub.close()])
})

async function run(waitMs: number, program?: DeployProgram) {
  const models = new HuggingFace({url: hub.url, time})
  const plan = await planPush({deployer, models}, options, {buildsImage: false}, signal)
  return push({deployer, program, time}, plan, {waitMs, onStep: (step) => steps.push(step)}, signal)
}

it('waits half a minute at a time until an instance runs, and says so', async () => {
  const started = now

  expect(await run(600_000)).toMatchObject({hot: true})

  expect(now - started).toBe(30_000)
  expect(steps.map(({step}) => step)).toEqual(['deployed', 'waiting'])
})

it('ends in time when no instance comes', async () => {
  chutes.fault('/chutes/warmup', (response) => response.writeHead(200).end('{"status": "cold"}'))
  const started = now

  expect(await run(100_000)).toMatchObject({hot: false, commit: expect.arrayContaining(['commit'])})

  expect(now - started).toBe(100_000)
})

it('goes on waiting over a call that failed, and stops at a refusal that stays', async () => {
  chutes.fault('/chutes/warmup', status(500), 2)
  expect(await run(600_000)).toMatchObject({hot: true})
  expect(steps.filter(({step}) => step === 'not-asked')).toHaveLength(2)

  for (const chute of chutes.chutes.values()) Object.assign(chute, {hot: false, coldFor: 9})
  chutes.fault('/chutes/warmup', status(402, 'Account balance is $0.0'))
  await expect(run(600_000)).rejects.toMatchObject({code: 'CHUTES_UNPAID'})
})

it('believes the API, not the program, about what was deployed', async () => {
  const program: DeployProgram = {
    build: async () => {},
    deploy: async ({chuteId}) => ({chuteId, version: chuteId, existed: false}),
  }

  await expect(run(0, program)).rejects.toMatchObject({code: 'CHUTE_NOT_FOUND'})

  chutes.addChute('alice', modelName, {revision: 'b2'.repeat(20)})
  await expect(run(0, program)).rejects.toMatchObject({code: 'DEPLOY_NOT_SEEN'})
})
