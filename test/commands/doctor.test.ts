import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import path from 'node:path'
import {beforeAll, expect, onTestFinished, test} from 'vitest'
import Doctor from '../../src/commands/doctor.js'
import {hashOf} from '../../src/domain/canonical.js'
import {signValue} from '../../src/domain/signed.js'
import {cast} from '../../src/mechanisms/video/cast.js'
import {defaults} from '../../src/mechanisms/video/params.js'
import {systemTime} from '../../src/runtime/clock.js'
import type {DoctorReport} from '../../src/services/doctor.js'
import {type Provisioned, provision} from '../../src/services/localnet/provision.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {OpenAiServer} from '../fakes/openai-server.js'
import {S3Server} from '../fakes/s3-server.js'
import {runCommand} from '../helpers/run-command.js'
import {never, owner, reader} from '../helpers/s3.js'
import {tempFolder} from '../helpers/temp-folder.js'

const judge = {...defaults.judge, name: 'openai', version: 1, options: {model: 'gpt-6-luna'}}

beforeAll(() => walletReady())

/** The owner's API as far as a doctor asks it. */
async function anApi({wallets}: Provisioned, params: object, {skewMs = 0} = {}): Promise<string> {
  const exam = {
    ...{version: 1, mechanism: 'video', mechanismVersion: 1, netuid: 99, fromTask: 1, samplers: [wallets.owner.hotkey]},
    params: {...defaults, ...params},
  }
  const bodies: Record<string, object> = {
    '/health': {status: 'healthy', version: '1.2.3', database: true, metagraph_synced: true, last_sync: null},
    '/exam': {
      ...{exam, examHash: hashOf(exam), signer: wallets.owner.hotkey},
      signature: signValue('exam', exam, wallets.owner),
    },
    '/tasks/latest': {task_id: 7},
  }
  const server = createServer((request, response) => {
    const body = bodies[request.url ?? '']
    const date = new Date(Date.now() + skewMs).toUTCString()
    response.writeHead(body ? 200 : 404, {'content-type': 'application/json', connection: 'close', date})
    response.end(JSON.stringify(body ?? {detail: 'Not Found'}))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  onTestFinished(() => new Promise<void>((done) => server.close(() => done())))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A subnet that a validator can start on, and the environment that says where everything is. */
async function aSubnet(options: {skewMs?: number; params?: object} = {}) {
  const dataDir = tempFolder()
  const profiles = cast.slice(0, 1)
  const provisioned = await provision({
    ...{dataDir, netuid: 99, profiles, chosen: profiles, validators: 1, blockTimeMs: 100, verify, signal: never},
    time: systemTime(),
  })
  const store = await S3Server.start({
    buckets: ['samples', 'videos'],
    accounts: [
      {...owner, rights: ['get', 'list', 'put', 'delete']},
      {...reader, rights: ['get', 'list'], buckets: ['samples']},
    ],
    provider: 'hippius',
  })
  store.put('7/manifest.json', '{}')
  const models = await new OpenAiServer().open()
  models.behave = () => ({ready: true})
  onTestFinished(async () => {
    await store.close()
    await models.close()
  })
  const env = {
    ...{NETWORK: 'localnet', LEOMA_DATA: dataDir, WALLET_NAME: 'validator', HOTKEY_NAME: '0', LOG_LEVEL: 'silent'},
    API_URL: await anApi(provisioned, options.params ?? {judge}, options),
    ...{OBJECT_STORAGE_BACKEND: 'hippius', HIPPIUS_ENDPOINT: store.url},
    HIPPIUS_SAMPLES_READ_ACCESS_KEY: reader.accessKey,
    HIPPIUS_SAMPLES_READ_SECRET_KEY: reader.secretKey,
    ...{OPENAI_API_KEY: models.key, OPENAI_BASE_URL: models.url},
  }
  return {env, store, models, dataDir}
}

const doctor = (env: Record<string, string>, ...argv: string[]) => runCommand(Doctor, 'doctor', argv, env)

async function report(env: Record<string, string>, ...argv: string[]) {
  const {stdout, code, stderr} = await doctor(env, '--json', ...argv)
  const json: DoctorReport & {error?: unknown} = JSON.parse(stdout)
  const of = (check: string) => json.checks.find((line) => line.check === check)
  return {
    json,
    code,
    of,
    failing: json.checks.filter(({status}) => status === 'fail').map(({check}) => check),
    stderr,
    stdout,
  }
}

test('a validator with everything in its place: all is well, and the exit code is 0', async () => {
  const {env, store} = await aSubnet()

  const {json, code, of} = await report(env)

  expect(json.checks.filter(({status}) => status !== 'ok')).toEqual([])
  expect({code, ok: json.ok}).toEqual({code: 0, ok: true})
  expect(json.checks.map(({check}) => check)).toEqual([
    ...['Node.js', 'configuration', 'ffmpeg', 'store', 'disk', 'wallet', 'chain', 'registration'],
    ...["owner's API", 'exam', 'clock', 'judge', 'samples bucket, reading'],
  ])
  expect(of('judge')?.detail).toContain('gpt-6-luna')
  expect(of('samples bucket, reading')?.detail).toContain('reads 7/manifest.json, may not write, may not read videos')
  expect([...store.buckets.get('samples')!.keys()]).toEqual(['7/manifest.json'])
})

test('a fresh machine: every fault with its remedy, one hiding no other, and exit code 8', async () => {
  const {stdout, stderr, code} = await doctor({
    ...{NETWORK: 'localnet', LEOMA_DATA: path.join(tempFolder(), 'none'), API_URL: 'http://127.0.0.1:1'},
    ...{OBJECT_STORAGE_BACKEND: 'r2', EPOCH_LEN: 'soon', JUDGE_TIMEOUT: 'long', LEOMA_DATE: 'x', LOG_LEVEL: 'silent'},
  })

  expect(code).toBe(8)
  expect(stderr).toMatch(/error: something is wrong with: configuration, wallet.*\[DOCTOR_FAILED\]/)
  expect(stdout).toMatch(/^ok {5}Node\.js/m)
  expect(stdout).toMatch(/^FAILS {2}configuration[\s\S]*EPOCH_LEN[\s\S]*JUDGE_TIMEOUT/m)
  expect(stdout).toMatch(/^warn {3}configuration .*LEOMA_DATE/m)
  expect(stdout).toMatch(/^FAILS {2}wallet .*\[WALLET_NOT_FOUND\]\n +try: /m)
  expect(stdout).toMatch(/^FAILS {2}chain .*\[CHAIN_MISSING\]\n +try: /m)
  expect(stdout).toMatch(/^- {6}registration +the wallet cannot be read/m)
  expect(stdout).toMatch(/^FAILS {2}owner's API .*\[API_UNREACHABLE\]\n +try: check API_URL/m)
  expect(stdout).toMatch(/^- {6}exam/m)
  expect(stdout).toMatch(/^FAILS {2}samples bucket, reading .*\[OBJECTS_ENDPOINT_MISSING\]\n +try: set R2_ENDPOINT/m)
})

test('each part that fails is the only one to be blamed', async () => {
  const blame = async (spoil: (world: Awaited<ReturnType<typeof aSubnet>>) => Record<string, string>) => {
    const world = await aSubnet()
    const {failing, code} = await report({...world.env, ...spoil(world)})
    return [code, ...failing]
  }

  const withoutModel = ({models}: {models: OpenAiServer}) => {
    models.models.splice(0)
    return {}
  }
  const withoutObjects = ({store}: {store: S3Server}) => {
    store.buckets.get('samples')?.clear()
    return {}
  }
  expect(await blame(withoutModel)).toEqual([8, 'judge'])
  expect(await blame(() => ({OPENAI_API_KEY: 'sk-wrong-0123456789'}))).toEqual([8, 'judge'])
  expect(await blame(() => ({HIPPIUS_SAMPLES_READ_SECRET_KEY: 'wrong-0123456789'}))).toEqual([
    8,
    'samples bucket, reading',
  ])
  expect(await blame(withoutObjects)).toEqual([8, 'samples bucket, reading'])
  expect(await blame(() => ({FFMPEG_PATH: '/nowhere/ffmpeg'}))).toEqual([8, 'ffmpeg'])
  expect(await blame(() => ({NETUID: '98'}))).toEqual([8, 'registration'])
})

test('a clock that is wrong, and an exam of a newer program', async () => {
  const late = await aSubnet({skewMs: 600_000})
  const newer = await aSubnet({params: {aNewPart: {}}})

  expect((await report(late.env)).of('clock')).toMatchObject({
    status: 'fail',
    detail: expect.stringMatching(/behind the API's/),
  })
  expect((await report(newer.env)).of('exam')).toMatchObject({status: 'fail', code: 'EXAM_UNSUPPORTED'})
})

test('a sampler tries every pair for what it must and must not do', async () => {
  const {env, store} = await aSubnet()
  const sampler = {
    ...{...env, WALLET_NAME: 'owner', HOTKEY_NAME: 'default'},
    ...{HIPPIUS_VIDEOS_READ_ACCESS_KEY: owner.accessKey, HIPPIUS_VIDEOS_READ_SECRET_KEY: owner.secretKey},
    ...{HIPPIUS_SAMPLES_WRITE_ACCESS_KEY: owner.accessKey, HIPPIUS_SAMPLES_WRITE_SECRET_KEY: owner.secretKey},
  }

  const {of, code} = await report(sampler, '--role', 'sampler')

  expect(code).toBe(8)
  expect(of('source bucket, reading')).toMatchObject({status: 'fail', detail: expect.stringContaining('WRITES')})
  expect(of('samples bucket, reading')).toMatchObject({status: 'ok'})
  expect(of('samples bucket, writing')).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('ignores If-None-Match'),
  })
  expect([...store.buckets.get('videos')!.keys()]).toEqual([])
  expect([...store.buckets.get('samples')!.keys()]).toEqual(['7/manifest.json'])
})

test('nothing that is secret is ever shown', async () => {
  const {env, models} = await aSubnet()
  models.repeatsKey = true
  const secrets = {OPENAI_API_KEY: 'sk-wrong-0123456789', HIPPIUS_SAMPLES_READ_SECRET_KEY: 'wrong-0123456789'}

  const text = await doctor({...env, ...secrets, LOG_LEVEL: 'debug'})
  const json = await doctor({...env, ...secrets, LOG_LEVEL: 'debug'}, '--json')

  for (const shown of [text.stdout, text.stderr, json.stdout, json.stderr]) {
    for (const secret of [...Object.values(secrets), reader.accessKey]) expect(shown).not.toContain(secret)
  }
})

test('the API is looked at before it runs, a miner without any bucket', async () => {
  const {env} = await aSubnet()
  const names = async (role: string, changes: object) =>
    (await report({...env, ...changes}, '--role', role)).json.checks.map(({check}) => check)

  expect(await names('api', {WALLET_NAME: 'owner', HOTKEY_NAME: 'default', API_URL: 'http://127.0.0.1:1'})).toEqual([
    ...['Node.js', 'configuration', 'store', 'disk', 'wallet', 'chain', 'registration', 'Chutes', 'Hugging Face'],
  ])
  expect(await names('miner', {WALLET_NAME: 'miner', HOTKEY_NAME: cast[0]?.name})).toEqual([
    ...['Node.js', 'configuration', 'disk', 'wallet', 'chain', 'registration'],
    ...["owner's API", 'exam', 'clock', 'Chutes', 'Hugging Face'],
  ])
})

test('an unknown role is a mistake of usage', async () => {
  expect((await doctor({}, '--role', 'king')).code).toBe(2)
})

test('an executor is told that plain processes hold nobody, and that rounds need a pool of challenges', async () => {
  const env = {SANDBOX: 'process', NETWORK: 'localnet', LEOMA_DATA: tempFolder(), API_URL: 'http://127.0.0.1:1'}
  const {code, stdout} = await runCommand(Doctor, 'doctor', ['--role=executor'], env)

  expect(code).toBe(8)
  expect(stdout).toMatch(/^FAILS +sandbox +process \S+ holds nobody: an image can do here whatever you can$/m)
  expect(stdout).toMatch(/^FAILS +challenges .* holds no challenge$/m)
})
