import {homedir} from 'node:os'
import path from 'node:path'
import {expect, test} from 'vitest'
import {loadConfig} from '../../../src/config/load.js'
import {type Role, roles, variableNames, variables} from '../../../src/config/variables.js'
import {LeomaError} from '../../../src/errors.js'

function failure(work: () => unknown): LeomaError {
  try {
    work()
  } catch (error) {
    if (error instanceof LeomaError) return error
  }
  throw new Error('it did not fail')
}

test('an empty environment is a whole configuration with the published defaults', () => {
  const config = loadConfig('all', {})

  expect(config).toMatchObject({
    network: 'finney',
    netuid: 99,
    mechanisms: [{name: 'video', mecid: 0}],
    wallet: {path: path.join(homedir(), '.bittensor', 'wallets'), name: 'default', hotkey: 'default'},
    api: {url: 'https://api.leoma.ai', timeoutMs: 30_000, maxAttempts: 3},
    server: {
      host: '127.0.0.1',
      port: 8000,
      corsOrigins: [],
      adminHotkeys: [],
      samplerHotkeys: [],
      maxBodyBytes: 2_097_152,
      signatureExpiryS: 300,
      minValidatorStakeRao: 1_000_000_000_000n,
      minerValidationMs: 300_000,
      validatorSyncMs: 600_000,
      scoringMs: 1_800_000,
      examFile: undefined,
    },
    validator: {epochBlocks: 180},
    evaluator: {pollMs: 60_000},
    sampler: {maxConcurrentMiners: 40},
    production: false,
  })
})

test('on localnet everything lies in the data folder, and the API is on this machine', () => {
  const config = loadConfig('all', {NETWORK: 'localnet', LEOMA_DATA: '/data', API_PORT: '8123'})

  expect(config.wallet.path).toBe('/data/wallets')
  expect(config.api.url).toBe('http://127.0.0.1:8123')
  expect(config.objects).toMatchObject({sourceDir: '/data/objects/source', samplesDir: '/data/objects/samples'})
  expect(config.storePath).toBe('/data/owner.db')
})

test.each<[Role[], string]>([
  [['api'], '/data/owner.db'],
  [['evaluator'], '/data/validator-hk.db'],
  [['evaluator', 'validator'], '/data/validator-hk.db'],
])('%j keeps its store in %s', (asked, storePath) => {
  expect(loadConfig(asked, {LEOMA_DATA: '/data', HOTKEY_NAME: 'hk'}).storePath).toBe(storePath)
})

test('every problem is reported at once, with what each variable is for', () => {
  const error = failure(() =>
    loadConfig(['evaluator', 'validator'], {EPOCH_LEN: 'soon', NETUID: '70000', HOTKEY_NAME: '../x'}),
  )

  expect(error).toMatchObject({kind: 'config', code: 'CONFIG_INVALID', exitCode: 3})
  expect(error.message.split('\n')).toEqual([
    'configuration for evaluator and validator is invalid',
    '  NETUID       is not between 0 and 65535: subnet number',
    '  HOTKEY_NAME  is not a file name: file name of the hotkey',
    '  EPOCH_LEN    is not a whole number: at least this many blocks between two settings of weights',
  ])
})

test('a bad value that the role does not read is left alone, and its default is used', () => {
  const config = loadConfig('reader', {EPOCH_LEN: 'soon', API_PORT: '-1', CORS_ORIGINS: 'x'})

  expect(config.validator.epochBlocks).toBe(180)
  expect(config.server).toMatchObject({port: 8000, corsOrigins: []})
})

test.each(['', ' ', '\t'])('a variable that is %j counts as unset', (empty) => {
  expect(loadConfig('all', Object.fromEntries(variableNames.map((name) => [name, empty])))).toEqual(
    loadConfig('all', {}),
  )
})

test('what a flag says wins over the environment', () => {
  expect(loadConfig('miner', {HOTKEY_NAME: 'env', WALLET_NAME: 'env'}, {HOTKEY_NAME: 'flag'}).wallet).toMatchObject({
    name: 'env',
    hotkey: 'flag',
  })
})

test.each([
  ['1000', 1_000_000_000_000n],
  ['0.000000001', 1n],
  ['9007199.254740993', 9_007_199_254_740_993n],
])('a stake of %s is exact', (text, rao) => {
  expect(loadConfig('api', {MIN_VALIDATOR_STAKE: text}).server.minValidatorStakeRao).toBe(rao)
})

test.each([
  ['MIN_VALIDATOR_STAKE', '-1'],
  ['MIN_VALIDATOR_STAKE', '1e3'],
  ['MIN_VALIDATOR_STAKE', '0.0000000001'],
  ['NETUID', '1.5'],
  ['NETUID', '0x10'],
  ['API_PORT', '65536'],
  ['API_URL', 'api.leoma.ai'],
  ['API_REQUEST_TIMEOUT', '0'],
  ['API_REQUEST_TIMEOUT', 'Infinity'],
  ['LOG_LEVEL', 'loud'],
  ['MECHANISMS', 'video'],
  ['MECHANISMS', 'video:0,video:1'],
  ['MECHANISMS', 'video:0,image:0'],
  ['ADMIN_HOTKEYS', 'alice'],
  ['HOTKEY_NAME', 'a/b'],
  ['HOTKEY_NAME', '..'],
])('%s may not be %s', (name, value) => {
  expect(failure(() => loadConfig('all', {[name]: value})).message).toContain(name)
})

test('lists are trimmed: a space after a comma removes nobody', () => {
  const [a, b] = [
    '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
    '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty',
  ]

  expect(loadConfig('api', {ADMIN_HOTKEYS: ` ${a}, ${b} ,`}).server.adminHotkeys).toEqual([a, b])
})

test.each([
  ['INFO', 'info'],
  ['Warning', 'warn'],
  ['CRITICAL', 'fatal'],
])('understands the log level %s', (given, level) => {
  expect(loadConfig('all', {LOG_LEVEL: given}).log.level).toBe(level)
})

test.each([{LEOMA_ENV: 'production'}, {ENVIRONMENT: 'Production'}])('%j is production', (env) => {
  expect(loadConfig('all', env)).toMatchObject({production: true, log: {pretty: false}})
})

test('every variable has roles that exist, a sentence, and a default that it accepts itself', () => {
  for (const name of variableNames) {
    const variable: (typeof variables)[typeof name] & {default?: string} = variables[name]
    expect(variable.about, name).toMatch(/^\S.{5,240}\S$/)
    for (const role of variable.roles === 'all' ? [] : variable.roles) expect(roles, name).toContain(role)
    if (variable.default !== undefined) expect(variable.schema.safeParse(variable.default).success, name).toBe(true)
  }
})
