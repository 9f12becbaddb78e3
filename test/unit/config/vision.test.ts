import {expect, test} from 'vitest'
import {loadConfig} from '../../../src/config/load.js'
import {secretValues} from '../../../src/config/redact.js'

test('vision models are asked at OpenAI, within a budget, unless the environment says otherwise', () => {
  expect(loadConfig('evaluator', {}).vision).toMatchObject({
    apiKey: undefined,
    baseUrl: 'https://api.openai.com/v1',
    timeoutMs: 90_000,
    perHourUsd: 5,
    perTaskUsd: 2,
    prices: {},
    captionModel: undefined,
  })
})

test('prices are read by model', () => {
  const {prices} = loadConfig('evaluator', {JUDGE_PRICES: 'a=0.1/0.5, org/b:v1=1/2,'}).vision

  expect(prices).toEqual({a: {in: 0.1, out: 0.5}, 'org/b:v1': {in: 1, out: 2}})
})

test.each([
  ['JUDGE_PRICES', 'a=1'],
  ['JUDGE_PRICES', 'a=-1/2'],
  ['JUDGE_BUDGET_PER_HOUR', '-1'],
  ['JUDGE_BUDGET_PER_TASK', 'much'],
  ['JUDGE_TIMEOUT', '0'],
  ['OPENAI_BASE_URL', 'api.openai.com'],
])('%s=%s is refused by name', (name, value) => {
  expect(() => loadConfig('evaluator', {[name]: value})).toThrow(new RegExp(`^configuration[^\n]*\n  ${name} `))
})

test('the key is a secret', () => {
  expect(secretValues({OPENAI_API_KEY: 'sk-123456'})).toEqual(['sk-123456'])
})

test('every validator keeps its own record of what was asked and spent', () => {
  const dirs = ['one', 'two'].map((HOTKEY_NAME) => loadConfig('evaluator', {HOTKEY_NAME}).vision.dir)

  expect(new Set([...dirs, loadConfig('sampler', {}).vision.dir]).size).toBe(3)
})
