import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {expect, test} from 'vitest'
import {loadDotEnv} from '../../../src/config/environment.js'
import {secretKeys, secretValues} from '../../../src/config/redact.js'
import {type Variable, variableNames, variables} from '../../../src/config/variables.js'
import {environmentWarnings, movedToExam} from '../../../src/config/warnings.js'
import {defaults} from '../../../src/mechanisms/video/params.js'
import {createLogger} from '../../../src/runtime/logger.js'
import {tempFolder} from '../../helpers/temp-folder.js'

test('.env fills in what the environment does not say, or says with nothing', () => {
  const folder = tempFolder()
  writeFileSync(path.join(folder, '.env'), 'NETUID=7\nHOTKEY_NAME="from file"\n# API_PORT=1\nLOG_LEVEL=debug\n')
  const env = {HOTKEY_NAME: '', LOG_LEVEL: 'warn'}

  loadDotEnv(folder, env)

  expect(env).toEqual({NETUID: '7', HOTKEY_NAME: 'from file', LOG_LEVEL: 'warn'})
})

test('no .env is fine, one that cannot be read is not', () => {
  const folder = tempFolder()
  const env = {}

  expect(() => loadDotEnv(folder, env)).not.toThrow()
  mkdirSync(path.join(folder, '.env'))

  expect(() => loadDotEnv(folder, env)).toThrow(expect.objectContaining({code: 'ENV_FILE_UNREADABLE', exitCode: 3}))
})

test('variables that became part of the exam are named in one warning, with their place', () => {
  const warnings = environmentWarnings({
    EVALUATION_PASS_THRESHOLD: '70',
    DOMINANCE_THRESHOLD: '0.1',
    SCORER_TASK_WINDOW: '',
  })

  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('EVALUATION_PASS_THRESHOLD (judge.passThreshold)')
  expect(warnings[0]).toContain('DOMINANCE_THRESHOLD (ranking.dominance)')
  expect(warnings[0]).not.toContain('SCORER_TASK_WINDOW')
})

test.each(Object.entries(movedToExam))('%s really is in the exam at %s', (_, place) => {
  const found = place.split('.').reduce<unknown>((part, key) => (part as Record<string, unknown>)?.[key], defaults)

  expect(found).toBeTypeOf('number')
})

test('an unknown LEOMA_ variable is pointed out; those of others are none of our business', () => {
  expect(environmentWarnings({LEOMA_DATA_DIR: '/x', LEOMA_DATA: '/y', LEOMA_IMAGE: 'z', PATH: '/bin'})).toEqual([
    'LEOMA_DATA_DIR is not a variable of leoma; env.example lists them all',
  ])
})

const secrets = variableNames.filter((name) => (variables[name] as Variable).secret)

test.each(secrets)('%s never reaches the log, under its name, inside a message or inside an error', async (name) => {
  const lines: string[] = []
  const secret = 'cpk_very-secret-value'
  const log = await createLogger({
    level: 'trace',
    pretty: false,
    secretKeys,
    secretValues: secretValues({[name]: secret}),
    write: (line) => lines.push(line),
  })

  log.info({[name]: secret, config: {chutes: {apiKey: secret}}}, 'started')
  log.warn({url: `https://x/?key=${secret}`}, `asked with ${secret}`)
  log.error({err: new Error(`refused ${secret}`)}, 'failed')

  expect(lines).toHaveLength(3)
  expect(lines.join('')).not.toContain(secret)
})

test('there is a secret to test with', () => {
  expect(secrets).toContain('CHUTES_API_KEY')
})
