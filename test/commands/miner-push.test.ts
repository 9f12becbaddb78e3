import {afterEach, beforeEach, describe, expect, test} from 'vitest'
import MinerPush from '../../src/commands/miner/push.js'
import {sha256} from '../../src/domain/canonical.js'
import {chuteIdOf} from '../../src/models/chute-template.js'
import {ChutesServer} from '../fakes/chutes-server.js'
import {HuggingFaceServer} from '../fakes/hugging-face-server.js'
import {status} from '../fakes/provider-server.js'
import {OwnerWorld} from '../helpers/owner-world.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const revision = 'a1'.repeat(20)
const modelName = 'alice/leoma-5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const chuteId = chuteIdOf('alice', modelName)

let chutes: ChutesServer
let hub: HuggingFaceServer

beforeEach(async () => {
  ;[chutes, hub] = await Promise.all([ChutesServer.start(), HuggingFaceServer.start()])
  chutes.addUser('alice', 'cpk_alice_key', 10)
  chutes.addUser('subnet', 'cpk_subnet')
  chutes.images.set('leoma/video-gen:1.0', {owner: 'leoma', public: true, status: 'built and pushed'})
  hub.repositories.set(modelName, {sha: revision, files: [{path: 'a.safetensors', size: 1, sha256: sha256('a')}]})
})
afterEach(async () => {
  await Promise.all([chutes.close(), hub.close()])
})

function push(argv: readonly string[] = [], env: Record<string, string> = {}) {
  const standard = ['--model-name', modelName, '--model-revision', revision]
  const given = standard.flatMap((word, at) =>
    at % 2 === 0 && !argv.includes(word) ? [word, standard[at + 1] ?? ''] : [],
  )
  return runCommand(MinerPush, 'miner:push', [...given, ...argv], {
    NETWORK: 'localnet',
    LEOMA_DATA: tempFolder(),
    API_URL: 'http://127.0.0.1:1',
    API_MAX_RETRIES: '1',
    CHUTES_API_URL: chutes.url,
    CHUTES_INVOKE_URL: chutes.invokeUrl,
    CHUTES_API_KEY: 'cpk_alice_key',
    HF_ENDPOINT: hub.url,
    ...env,
  })
}
const deployments = () => chutes.asked.filter(({method, path}) => method === 'POST' && path.startsWith('/chutes/?'))
/** No cold start: waiting for one takes half a minute, which is tested without a clock. */
const hotAtOnce = () =>
  chutes.fault('/chutes/warmup', (response) => {
    for (const chute of chutes.chutes.values()) chute.hot = true
    response.writeHead(200, {'content-type': 'application/json'}).end('{"status": "hot", "instance_count": 1}')
  })

test('deploys, shares, waits and ends with the command that commits it', async () => {
  hotAtOnce()

  const {stdout, stderr, code} = await push(['--yes'], {CHUTE_SHARE_WITH: 'subnet'})

  expect(code).toBe(0)
  expect(stdout).toBe(
    `leoma miner commit --model-name ${modelName} --model-revision ${revision} --chute-id ${chuteId}\n`,
  )
  expect(stderr).toContain('fee      about $1.80, once; about $0.60 an hour')
  expect(stderr).toContain('balance  $10.00')
  expect(stderr).toContain(`chute    ${chuteId}, of alice`)
  expect(chutes.chutes.get(chuteId)).toMatchObject({hot: true, revision, sharedWith: new Set(['subnet'])})
})

test('made twice is paid once', async () => {
  hotAtOnce()
  await push(['--yes'])

  const {stdout, stderr} = await push(['--yes', '--json'])

  expect(JSON.parse(stdout)).toMatchObject({existed: true, chuteId, hot: true})
  expect(stderr).toContain('none: the chute exists')
  expect(chutes.users.get('alice')?.balance).toBeCloseTo(8.2)
})

test('shares with whom the exam names, and runs on the image that it names', async () => {
  hotAtOnce()
  const world = new OwnerWorld()
  world.exam({deployment: {images: ['owner/video:2'], code: 'template', shareWith: ['subnet']}})
  const url = await world.server().listen({port: 0, host: '127.0.0.1'})
  chutes.images.set('owner/video:2', {owner: 'owner', public: true, status: 'built and pushed'})

  const {code} = await push(['--yes'], {API_URL: url})
  await world.close()

  expect(code).toBe(0)
  expect(chutes.chutes.get(chuteId)).toMatchObject({image: 'owner/video:2', sharedWith: new Set(['subnet'])})
})

describe('--dry-run', () => {
  test('without a key asks nobody, and shows source and requests', async () => {
    const argv = ['--dry-run', '--chute-user', 'alice', '--share-with', 'subnet']

    const {stdout, code} = await push(argv, {CHUTES_API_KEY: ''})

    expect(code).toBe(0)
    expect(stdout).toContain('SETTINGS = json.loads(')
    expect(stdout).toContain(`POST ${chutes.url}/chutes/?accept_fee=true`)
    expect(stdout).toContain(`{"chute_id_or_name":"${chuteId}","user_id_or_name":"subnet"}`)
    expect(chutes.asked).toEqual([])
    expect(hub.asked).toEqual([])
  })

  test('with a key checks everything, and sends nothing', async () => {
    const {stderr, code} = await push(['--dry-run'])

    expect(code).toBe(0)
    expect(stderr).toContain('balance  $10.00')
    expect(chutes.asked.every(({method}) => method === 'GET')).toBe(true)
  })

  test('with --json gives the plan, without the key', async () => {
    const {stdout} = await push(['--dry-run', '--json'])

    expect(JSON.parse(stdout)).toMatchObject({sent: false, plan: {deployment: {chuteId}, feeUsd: expect.closeTo(1.8)}})
    expect(stdout).not.toContain('cpk_alice_key')
  })
})

describe('before anything is paid', () => {
  test.each([
    ['a key on the command line', ['--chutes-api-key', 'cpk_seen'], () => {}, 2, 'SECRET_IN_ARGUMENTS'],
    ['a name without the hotkey', ['--model-name', 'alice/leoma-x'], () => {}, 2, 'SUBMISSION_INVALID'],
    [
      'a name that begins otherwise',
      ['--model-name', modelName.replace('leoma', 'other')],
      () => {},
      2,
      'SUBMISSION_INVALID',
    ],
    ['a branch for a commit', ['--model-revision', 'main'], () => {}, 2, 'DEPLOYMENT_INVALID'],
    ['another user name than that of the key', ['--chute-user', 'bob'], () => {}, 3, 'CHUTE_USER_DIFFERS'],
    ['a key that is not valid', [], () => chutes.keys.clear(), 3, 'CHUTES_KEY_REFUSED'],
    ['a model that is not there', [], () => hub.repositories.clear(), 6, 'MODEL_UNUSABLE'],
    ['a hub that does not answer', [], () => hub.fault('/', status(418)), 6, 'HF_REFUSED'],
    ['an image that is not there', [], () => chutes.images.clear(), 6, 'IMAGE_UNUSABLE'],
    ['an empty account', [], () => chutes.addUser('alice', 'cpk_alice_key', 1), 6, 'BALANCE_TOO_LOW'],
  ] as const)('%s is found', async (_, argv, prepare, exit, error) => {
    prepare()

    const {stdout, stderr, code} = await push([...argv, '--yes'])

    expect(code).toBe(exit)
    expect(stderr).toContain(`[${error}]`)
    expect(stderr).toContain('try:')
    expect(stdout + stderr).not.toMatch(/cpk_(seen|alice)/)
    expect(deployments()).toEqual([])
  })

  test('nobody is asked who cannot answer', async () => {
    expect(await push()).toMatchObject({code: 2, stderr: expect.stringContaining('--yes')})
    expect(await push([], {CHUTES_API_KEY: ''})).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('CHUTES_API_KEY'),
    })
    expect(deployments()).toEqual([])
  })
})

test('a refusal of the provider ends with what helps', async () => {
  chutes.bannedCode.add(modelName)

  const {stderr, code} = await push(['--yes'])

  expect(code).toBe(6)
  expect(stderr).toContain('[CODE_REFUSED]')
})

test('a cold chute is no failure when nobody wants to wait', async () => {
  const {stdout, stderr, code} = await push(['--yes', '--wait', '0'])

  expect(code).toBe(0)
  expect(stderr).toContain('no instance runs yet')
  expect(stdout).toContain('leoma miner commit')
})
