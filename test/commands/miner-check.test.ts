import path from 'node:path'
import {afterAll, beforeAll, beforeEach, describe, expect, test} from 'vitest'
import {LocalChain} from '../../src/chain/local.js'
import MinerCheck from '../../src/commands/miner/check.js'
import {sha256} from '../../src/domain/canonical.js'
import {formatModelCommitment} from '../../src/domain/commitment.js'
import type {Hotkey} from '../../src/domain/ids.js'
import {buildChute} from '../../src/models/chute-template.js'
import {LocalModels} from '../../src/models/local.js'
import {systemTime} from '../../src/runtime/clock.js'
import {addToBlacklist, removeFromBlacklist} from '../../src/store/blacklist.js'
import {createHotkey} from '../../src/wallet/files.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {ChutesServer, type FakeChute} from '../fakes/chutes-server.js'
import {HuggingFaceServer} from '../fakes/hugging-face-server.js'
import {status} from '../fakes/provider-server.js'
import {miners, OwnerWorld} from '../helpers/owner-world.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const revision = 'a1'.repeat(20)
const netuid = 99
const names = [
  'registered',
  'not blacklisted',
  'number of commitments',
  'commitment',
  'repository name',
  'chute exists and is shared',
  'chute is running',
  'chute serves the revision',
  'chute runs an allowed image',
  'code of the chute',
  'model is public',
  'model is at the revision',
  'not a copy',
]

/** A miner with everything in order: registered, model public, chute shared and running, nobody else with its weights. */
async function aMiner() {
  await walletReady()
  const dataDir = tempFolder()
  const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify, blockTimeMs: 20})
  const wallets = path.join(dataDir, 'wallets')
  const owner = await createHotkey(wallets, 'owner', 'default', new Uint8Array(32).fill(1))
  const miner = await createHotkey(wallets, 'alice', 'first', new Uint8Array(32).fill(2))
  const subnet = {netuid, coldkey: owner.hotkey, stakeRao: 0n}
  chain.registerSubnet({netuid, ownerHotkey: owner.hotkey})
  chain.registerNeuron({...subnet, hotkey: owner.hotkey})
  chain.registerNeuron({...subnet, hotkey: miner.hotkey})

  const modelName = `alice/leoma-v1-${miner.hotkey}`
  hub.repositories.set(modelName, {sha: revision, files: [{path: 'a.safetensors', size: 10, sha256: sha256('own')}]})
  const chute = chutes.addChute('alice', modelName, {revision, sharedWith: new Set(['alice'])})
  const check = async (options: Record<string, string | true | null> = {}, env: Record<string, string> = {}) => {
    const given: Record<string, string | true | null> = {
      'model-name': modelName,
      'model-revision': revision,
      'chute-id': chute.chute_id,
      hotkey: miner.hotkey,
      json: true,
      ...options,
    }
    const argv = Object.entries(given).flatMap(([name, value]) =>
      value === null ? [] : [value === true ? `--${name}` : `--${name}=${value}`],
    )
    const ran = await runCommand(MinerCheck, 'miner:check', argv, {
      NETWORK: 'localnet',
      LEOMA_DATA: dataDir,
      API_URL: apiUrl,
      API_MAX_RETRIES: '1',
      CHUTES_API_URL: chutes.url,
      CHUTES_INVOKE_URL: chutes.invokeUrl,
      CHUTES_API_KEY: 'cpk_alice',
      HF_ENDPOINT: hub.url,
      ...env,
    })
    const report = given.json && ran.stdout.startsWith('{') ? JSON.parse(ran.stdout) : undefined
    const line = (check: string) => report?.checks.find((candidate: {check: string}) => candidate.check === check)
    return {...ran, report, line}
  }
  return {check, chute, chain, miner, modelName, dataDir}
}

let chutes: ChutesServer
let hub: HuggingFaceServer
let world: OwnerWorld
let apiUrl: string

beforeAll(async () => {
  ;[chutes, hub] = await Promise.all([ChutesServer.start(), HuggingFaceServer.start()])
  world = new OwnerWorld()
  // Before anything on the local chains of these tests, which have just begun.
  if (miners[0]) world.offer(miners[0].hotkey, 0)
  await world.ready()
  apiUrl = await world.server().listen({port: 0, host: '127.0.0.1'})
})
afterAll(async () => {
  await Promise.all([chutes.close(), hub.close(), world.close()])
})
beforeEach(() => {
  chutes.mend()
  hub.mend()
  chutes.keys.clear()
  chutes.addUser('alice', 'cpk_alice')
})

test('everything in order is one line each, in the order of validation, and ends with 0', async () => {
  const {check} = await aMiner()

  const {report, code} = await check()

  expect(report.checks.map(({check: name}: {check: string}) => name)).toEqual(names)
  expect(report.checks.filter((line: {status: string}) => line.status !== 'ok')).toEqual([])
  expect(report.ok).toBe(true)
  expect(code).toBe(0)
})

test('before there is a chute, what concerns it is left out', async () => {
  const {check} = await aMiner()

  const {report, line, code} = await check({'chute-id': null})

  expect(code).toBe(0)
  expect(report.ok).toBe(true)
  expect(line('chute is running')).toMatchObject({status: 'skipped', note: expect.stringContaining('miner push')})
  expect(line('model is public')).toMatchObject({status: 'ok'})
})

test('takes the name of a hotkey in the wallet too', async () => {
  const {check, miner} = await aMiner()

  expect((await check({hotkey: 'first', coldkey: 'alice'})).report).toMatchObject({ok: true, hotkey: miner.hotkey})
  expect(await check({hotkey: 'nobody', json: null})).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('--hotkey'),
  })
})

describe('what validation will refuse fails with its own reason, a remedy and exit code 8', () => {
  type Miner = Awaited<ReturnType<typeof aMiner>>
  const change =
    (changes: Partial<FakeChute>) =>
    ({chute}: Miner) =>
      void Object.assign(chute, changes)
  const model =
    (changes: object) =>
    ({modelName}: Miner) => {
      const before = hub.repositories.get(modelName)
      if (before) hub.repositories.set(modelName, {...before, ...changes})
    }
  const options = (given: Record<string, string>) => () => given
  test.each<[string, string | null, (miner: Miner) => unknown]>([
    ['registered', null, options({hotkey: miners[0]?.hotkey ?? ''})],
    ['repository name', 'model_name_must_end_with_hotkey', options({hotkey: miners[0]?.hotkey ?? ''})],
    ['repository name', 'model_name_must_start_with_leoma', options({'model-name': 'alice/other-5F'})],
    ['commitment', 'missing_model_revision', options({'model-revision': 'x'.repeat(65)})],
    ['chute exists and is shared', 'chute_fetch_failed', options({'chute-id': 'no-uuid'})],
    ['chute exists and is shared', 'chute_fetch_failed', change({owner: 'bob', sharedWith: new Set()})],
    ['chute is running', 'chute_not_running', change({hot: false})],
    ['chute serves the revision', `revision_mismatch:chute=${'b2'.repeat(20)}`, change({revision: 'b2'.repeat(20)})],
    ['model is public', 'hf_model_fetch_failed', model({gated: 'auto'})],
    ['model is public', 'hf_model_fetch_failed', model({files: []})],
    ['model is at the revision', `revision_mismatch:hf=${revision}`, options({'model-revision': 'main'})],
    [
      'not a copy',
      'duplicate_model:earliest_uid=10',
      model({files: [{path: 'x.bin', size: 1, sha256: sha256(miners[0]?.hotkey ?? '')}]}),
    ],
  ])('%s: %s', async (name, reason, prepare) => {
    const miner = await aMiner()
    if (name === 'model is at the revision') model({refs: ['main']})(miner)
    const given = Object(prepare(miner) ?? {})

    const {line, report, code} = await miner.check(given)

    expect(line(name)).toMatchObject({status: 'fails', reason, hint: expect.any(String)})
    expect(report.ok).toBe(false)
    expect(code).toBe(8)
  })

  test('blacklisted', async () => {
    const {check, miner} = await aMiner()
    addToBlacklist(world.store, {hotkey: miner.hotkey as Hotkey, reason: null, addedBy: null}, 0)

    const {line} = await check()
    removeFromBlacklist(world.store, miner.hotkey)

    expect(line('not blacklisted')).toMatchObject({status: 'fails', reason: 'blacklisted'})
  })

  test('a third commitment', async () => {
    const {check, chain, miner, modelName} = await aMiner()
    const {signal} = new AbortController()
    for (const chuteId of ['one', 'two']) {
      await chain.commit(netuid, formatModelCommitment({modelName, modelRevision: revision, chuteId}), miner, signal)
      // Two in one block would be one.
      const {number} = await chain.head(signal)
      for await (const head of chain.watchHeads(signal)) if (head.number > number + 1) break
    }

    expect((await check()).line('number of commitments')).toMatchObject({reason: 'max_commits_exceeded_2'})
  })
})

test('the image and the code that the exam asks for', async () => {
  const own = new OwnerWorld()
  own.exam({deployment: {images: ['leoma/video-gen:1.0'], code: 'template', shareWith: []}})
  const env = {API_URL: await own.server().listen({port: 0, host: '127.0.0.1'})}
  const {check, chute, modelName} = await aMiner()
  const settings = {
    ...{
      username: 'alice',
      modelName,
      modelRevision: revision,
      image: 'leoma/video-gen:1.0',
      gpuCount: 1,
      minVramGb: 80,
    },
    ...{gpus: [], concurrency: 1, maxInstances: 1, shutdownAfterS: 60},
  }

  expect((await check({}, env)).line('code of the chute')).toMatchObject({reason: 'code_is_not_the_template'})
  Object.assign(chute, {code: buildChute(settings).code, version: '22222222-2222-5222-8222-222222222222'})
  expect((await check({}, env)).report.ok).toBe(true)
  chute.image = 'eve/other:1'
  expect((await check({}, env)).line('chute runs an allowed image')).toMatchObject({
    status: 'fails',
    reason: 'image_not_allowed:eve/other:1',
  })
  await own.close()
})

describe('what could not be asked is no failure of the miner, and no success', () => {
  test.each([
    ['chute exists and is shared', () => chutes.fault('/', status(418))],
    ['chute exists and is shared', () => chutes.keys.clear()],
    ['model is public', () => hub.fault('/', status(418))],
  ])('%s', async (name, prepare) => {
    const {check} = await aMiner()
    prepare()

    const {line, code} = await check()

    expect(line(name)).toMatchObject({status: 'unknown', hint: expect.any(String)})
    expect(code).toBe(8)
  })

  test('an API and a chain that are away leave the rest to be checked', async () => {
    const {check} = await aMiner()

    const {line, code} = await check({}, {API_URL: 'http://127.0.0.1:1', NETUID: '98'})

    for (const name of ['registered', 'not blacklisted', 'number of commitments', 'not a copy'])
      expect(line(name)).toMatchObject({status: 'unknown'})
    expect(line('model is public')).toMatchObject({status: 'ok'})
    expect(code).toBe(8)
  })
})

test('reads as one line per check, with what helps', async () => {
  const {check, chute} = await aMiner()
  chute.hot = false

  const {stdout, code} = await check({json: null})

  expect(stdout).toMatch(/^ok {5}registered — uid 1 on subnet 99 of localnet$/m)
  expect(stdout).toMatch(/^FAILS {2}chute is running — chute_not_running\n {7}try: wake it/m)
  expect(stdout).toContain('1 fail, 0 could not be checked')
  expect(code).toBe(8)
})

test('on a localnet the models of this machine are looked at', async () => {
  const {check, modelName, dataDir} = await aMiner()
  const chute = {chuteId: 'local', slug: 's', hot: true, revision, endpoint: 'http://127.0.0.1:9'}
  const weights = [{path: 'a.safetensors', sha256: sha256('own'), sizeBytes: 1}]
  LocalModels.register(path.join(dataDir, 'models.json'), {
    chutes: [chute],
    models: [{name: modelName, sha: revision, isPublic: true, weights}],
  })

  expect((await check({'chute-id': 'local'}, {CHUTES_API_URL: ''})).report.ok).toBe(true)
})

describe('--generate', () => {
  test('wants something to begin with, and a chute', async () => {
    const {check} = await aMiner()

    expect(await check({generate: true, json: null})).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--clip'),
    })
    expect(await check({generate: true, 'chute-id': null, json: null})).toMatchObject({code: 2})
  })

  test('asks nothing of a chute that does not wake up in time', async () => {
    const {check, chute} = await aMiner()
    Object.assign(chute, {hot: false, coldFor: 1000})

    const {line, code} = await check({generate: true, clip: '/nowhere.mp4', wait: '0'})

    expect(line('chute is running')).toMatchObject({status: 'fails', reason: 'chute_not_running'})
    expect(line('generation')).toMatchObject({status: 'unknown'})
    expect(code).toBe(8)
  })
})
