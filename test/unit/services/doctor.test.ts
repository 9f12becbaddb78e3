import {expect, test} from 'vitest'
import type {OwnerApi} from '../../../src/api/port.js'
import type {Chain, Metagraph, Neuron} from '../../../src/chain/port.js'
import {hashOf} from '../../../src/domain/canonical.js'
import type {SignedExam} from '../../../src/domain/exam.js'
import {ok} from '../../../src/domain/finding.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {signValue} from '../../../src/domain/signed.js'
import {LeomaError} from '../../../src/errors.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {type Check, examine} from '../../../src/services/doctor.js'
import * as checks from '../../../src/services/doctor-checks.js'
import type {VisionModel} from '../../../src/vision/port.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'

const never = new AbortController().signal
const time = {now: () => performance.now()}
const [owner, validator, stranger] = ['//Owner', '//Alice', '//Bob'].map((uri) => createSigner({uri})) as [
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
  ReturnType<typeof createSigner>,
]
const forever = (signal?: AbortSignal) =>
  new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))

const examining = (list: readonly Check[], deadlineMs = 5_000) => examine(list, {time, deadlineMs}, never)
const only = async (check: Check) => {
  const {checks: results} = await examining([check])
  expect(results).toHaveLength(1)
  return results[0]
}

test('one that fails, one that hangs and one that ignores its signal hide nothing', async () => {
  const told: string[] = []
  const list: Check[] = [
    {name: 'hangs', deadlineMs: 30, run: (signal) => forever(signal)},
    {name: 'deaf', deadlineMs: 30, run: () => forever()},
    {
      name: 'throws',
      run: async () => Promise.reject(new LeomaError('config', 'SOME_CODE', 'no', {hints: ['do this']})),
    },
    {name: 'broken', run: async () => Promise.reject(new TypeError('x is not a function'))},
    {name: 'fine', run: async () => [ok('one'), ok('two')]},
  ]

  const report = await examine(list, {time, deadlineMs: 5_000, onResult: ({check}) => told.push(check)}, never)

  expect(report.ok).toBe(false)
  expect(report.checks.map(({check, status, code}) => [check, status, code])).toEqual([
    ['hangs', 'fail', 'DEADLINE'],
    ['deaf', 'fail', 'DEADLINE'],
    ['throws', 'fail', 'SOME_CODE'],
    ['broken', 'fail', 'UNEXPECTED'],
    ['fine', 'ok', null],
    ['fine', 'ok', null],
  ])
  expect(report.checks[0]?.detail).toBe('gave no answer in 0.03 s')
  expect(report.checks[2]).toMatchObject({detail: 'no', hints: ['do this']})
  expect(told.sort()).toEqual(['broken', 'deaf', 'fine', 'fine', 'hangs', 'throws'])
})

test('all are asked at once', async () => {
  let running = 0
  let most = 0
  const list = Array.from({length: 20}, (_, n) => ({
    name: String(n),
    run: async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise((done) => setImmediate(done))
      running -= 1
      return ok('')
    },
  }))

  await examining(list)

  expect(most).toBe(20)
})

test('a stop ends the examination', async () => {
  const stop = new AbortController()
  const running = examine([{name: 'hangs', run: () => forever()}], {time, deadlineMs: 60_000}, stop.signal)
  stop.abort(new Error('stop'))

  await expect(running).rejects.toThrow('stop')
})

test.each([
  ['20.19.0', 'fail'],
  ['22.18.9', 'fail'],
  ['22.19.0', 'ok'],
  ['v24.21.0', 'ok'],
])('Node.js %s: %s', async (version, status) => {
  expect(await only(checks.nodeCheck(version))).toMatchObject({status})
})

test('every fault of the configuration is shown, and every oddity beside it', async () => {
  const fault = new LeomaError('config', 'CONFIG_INVALID', 'invalid\n  A  is wrong\n  B  is wrong', {
    hints: ['correct it'],
  })

  const {checks: results} = await examining([checks.configurationCheck(fault, ['LEOMA_X is not a variable'])])

  expect(results.map(({status}) => status)).toEqual(['fail', 'warn'])
  expect(results[0]?.detail).toContain('B  is wrong')
})

test('an ffmpeg without the filters of localnet will do, one without the others will not', async () => {
  const found = {path: '/f', version: '7.0', source: 'PATH', missingFilters: []}

  expect(await only(checks.ffmpegCheck(async () => found))).toMatchObject({status: 'ok', detail: '7.0 at /f (PATH)'})
  expect(await only(checks.ffmpegCheck(async () => ({...found, missingFilters: ['life']})))).toMatchObject({
    status: 'warn',
    detail: expect.stringContaining('life'),
  })
})

test.each([
  [20, 'ok'],
  [3, 'warn'],
  [0.1, 'fail'],
])('%d GiB of free space: %s', async (gibibytes, status) => {
  expect(await only(checks.diskCheck('/data', async () => gibibytes * 1024 ** 3))).toMatchObject({status})
})

const neuron = (hotkey: Hotkey, changes: Partial<Neuron> = {}): Neuron => ({
  ...{uid: 7, hotkey, coldkey: hotkey, stakeRao: 1_500_000_000n, validatorPermit: true},
  ...{lastUpdate: 0, registeredAtBlock: 0},
  ...changes,
})

function aChain(neurons: readonly Neuron[], heads: readonly number[] = [5, 6]): () => Promise<Chain> {
  const block = (number: number) => ({number, hash: '0x'})
  const metagraph: Metagraph = {netuid: 99, block: block(5), ownerHotkey: owner.hotkey, neurons}
  const part: Pick<Chain, 'network' | 'metagraph' | 'watchHeads'> = {
    network: 'written',
    metagraph: async () => metagraph,
    async *watchHeads(signal) {
      yield* heads.map(block)
      await forever(signal)
    },
  }
  return async () => part as Chain // only these are asked
}

const unanswered = async (): Promise<never> => Promise.reject(new LeomaError('chain', 'CHAIN_UNREACHABLE', 'no answer'))
const registered = (chain: () => Promise<Chain>, role: checks.DoctorRole, signer = validator) =>
  only(checks.registrationCheck({chain, signer: async () => signer, netuid: 99}, role))

test('a validator is registered, with a permit', async () => {
  expect(await registered(aChain([neuron(validator.hotkey)]), 'validator')).toMatchObject({
    status: 'ok',
    detail: 'uid 7 on subnet 99, 1.500 alpha of stake, with a validator permit',
  })
  expect(await registered(aChain([neuron(validator.hotkey, {validatorPermit: false})]), 'validator')).toMatchObject({
    status: 'fail',
    hints: [expect.stringContaining('stake')],
  })
  expect(await registered(aChain([]), 'validator')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('is not on subnet 99'),
  })
  expect(await registered(aChain([neuron(validator.hotkey, {validatorPermit: false})]), 'miner')).toMatchObject({
    status: 'ok',
  })
})

test('the API needs the hotkey of the owner, a sampler only the blessing of the API', async () => {
  expect(await registered(aChain([]), 'api', owner)).toMatchObject({status: 'ok'})
  expect(await registered(aChain([]), 'api', stranger)).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining(owner.hotkey),
  })
  expect(await registered(aChain([]), 'sampler', stranger)).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('ADMIN_HOTKEYS'),
  })
})

test('what follows from another fault is skipped, not a second fault', async () => {
  expect(await registered(unanswered, 'validator')).toMatchObject({
    status: 'skipped',
    detail: 'the chain does not answer',
  })
  const signer = async () => Promise.reject(new LeomaError('auth', 'WALLET_NOT_FOUND', 'none'))
  expect(await only(checks.registrationCheck({chain: aChain([]), signer, netuid: 99}, 'validator'))).toMatchObject({
    status: 'skipped',
  })
})

test('a chain must move', async () => {
  expect(await only(checks.chainCheck({chain: aChain([])}, 5_000))).toMatchObject({
    status: 'ok',
    detail: 'written, at block 6 and moving',
  })
  expect(await only(checks.chainCheck({chain: aChain([], [5])}, 30))).toMatchObject({status: 'fail', code: 'DEADLINE'})
  expect(await only(checks.chainCheck({chain: unanswered}, 5_000))).toMatchObject({
    status: 'fail',
    code: 'CHAIN_UNREACHABLE',
  })
})

const signed = (changes: object = {}, signer = owner): SignedExam => {
  const exam = {
    ...{
      version: 1 as const,
      mechanism: 'video',
      mechanismVersion: 1,
      netuid: 99,
      fromTask: 1,
      samplers: [owner.hotkey],
    },
    params: {...defaults, ...changes} as SignedExam['exam']['params'], // numbers and texts only
  }
  return {exam, examHash: hashOf(exam), signer: signer.hotkey, signature: signValue('exam', exam, signer)}
}

const anApi = (exam: SignedExam | undefined, health: object = {status: 'healthy'}): (() => Promise<OwnerApi>) => {
  const part = {
    url: 'https://api.test',
    exam: async () => exam,
    health: async () => ({version: '1.0', database: true, metagraph_synced: true, last_sync: null, ...health}),
  }
  return async () => part as unknown as OwnerApi // only these are asked
}

const examFound = (api: () => Promise<OwnerApi>, chain = aChain([])) =>
  only(checks.examCheck({api, chain, verify, netuid: 99}))

test('an exam is supported and signed by the owner of the subnet, or it is not', async () => {
  const exam = signed()

  expect(await examFound(anApi(exam))).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('signed by the owner'),
  })
  expect(await examFound(anApi(exam), unanswered)).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('not checked'),
  })
  expect(await examFound(anApi(signed({}, stranger)))).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('cannot be trusted'),
  })
  expect(await examFound(anApi({...exam, exam: {...exam.exam, mechanismVersion: 99}}))).toMatchObject({
    status: 'fail',
    code: 'EXAM_UNSUPPORTED',
  })
  expect(await examFound(anApi({...exam, exam: {...exam.exam, mechanism: 'chess'}}))).toMatchObject({
    status: 'fail',
    code: 'MECHANISM_UNKNOWN',
  })
  expect(await examFound(anApi(undefined))).toMatchObject({status: 'warn'})
  expect(await examFound(unanswered)).toMatchObject({status: 'skipped'})
})

test('an API that is not well says what ails it', async () => {
  const stale = [{job: 'scoring', since: null, error: 'x'}]
  const ill = {status: 'degraded', database: false, stale}

  expect(await only(checks.apiCheck({api: anApi(undefined)}))).toMatchObject({status: 'ok'})
  expect(await only(checks.apiCheck({api: anApi(undefined, ill)}))).toMatchObject({
    status: 'warn',
    detail: expect.stringMatching(/store does not answer.*scoring last succeeded never/),
  })
  expect(await only(checks.apiCheck({api: unanswered}))).toMatchObject({status: 'fail'})
})

test.each([
  [0, 'ok', "as the API's"],
  [-4_000, 'ok', "as the API's"],
  [20_000, 'warn', "20 s ahead of the API's"],
  [-90_000, 'fail', "90 s behind the API's: signed requests will be refused"],
])('a clock that is %d ms off: %s', async (skew, status, detail) => {
  expect(await only(checks.clockCheck(async () => skew))).toMatchObject({status, detail})
})

test('the judge of the exam is asked where it asks a model, and only there', async () => {
  const asked: string[] = []
  const vision: VisionModel = {
    ask: async ({model, answer}) => {
      asked.push(model)
      const value = answer.schema.parse({ready: true})
      return {
        value,
        servedBy: `${model}-2026`,
        key: 'k',
        usage: {calls: 1, tokensIn: 1, tokensOut: 1, usd: 0.00002, latencyMs: 900},
      }
    },
  }
  const refused: VisionModel = {
    ask: () => Promise.reject(new LeomaError('config', 'JUDGE_KEY_REFUSED', 'no', {hints: ['set OPENAI_API_KEY']})),
  }
  const judged = (exam: SignedExam | undefined, model = vision, judgeNames = ['reference', 'openai']) =>
    only(
      checks.judgeCheck({api: anApi(exam), judgeNames: async () => judgeNames}, {vision: async () => model, sample: 1}),
    )
  const byModel = signed({judge: {...defaults.judge, name: 'openai', version: 1, options: {model: 'gpt-6-luna'}}})

  expect(await judged(signed())).toMatchObject({status: 'ok', detail: 'reference, which needs no key'})
  expect(asked).toEqual([])
  expect(await judged(byModel)).toMatchObject({
    status: 'ok',
    detail: 'openai: gpt-6-luna-2026 answered in 0.9 s, for 0.00002 dollars',
  })
  expect(await judged(byModel, refused)).toMatchObject({
    status: 'fail',
    code: 'JUDGE_KEY_REFUSED',
    hints: ['set OPENAI_API_KEY'],
  })
  expect(await judged(byModel, vision, ['reference'])).toMatchObject({status: 'fail', hints: ['upgrade leoma']})
  expect(await judged(undefined)).toMatchObject({status: 'skipped'})
})

test('a credential is tried, missed, or done without', async () => {
  const found = (isSet: boolean, isNeeded: boolean) =>
    only(checks.credentialCheck('Chutes', {isSet, isNeeded, variable: 'CHUTES_API_KEY', ask: async () => 'account a'}))

  expect(await found(true, false)).toMatchObject({status: 'ok', detail: 'account a'})
  expect(await found(false, true)).toMatchObject({status: 'fail', hints: ['set CHUTES_API_KEY']})
  expect(await found(false, false)).toMatchObject({status: 'skipped'})
})

test('a bucket is asked for what is published, also when nobody knows what that is', async () => {
  const asked: (string | undefined)[] = []
  const probe = {
    name: 'samples bucket',
    run: async (key: string | undefined) => {
      asked.push(key)
      return ok('reads')
    },
  }

  await only(checks.bucketCheck(probe, async () => '7/manifest.json'))
  await only(checks.bucketCheck(probe, unanswered))

  expect(asked).toEqual(['7/manifest.json', undefined])
})
