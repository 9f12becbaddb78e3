import {describe, expect, test} from 'vitest'
import {loadConfig} from '../../../src/config/load.js'

const load = (env: Record<string, string>) => loadConfig('miner', env)

test('on a localnet the models are those of this machine, until an address of Chutes is given', () => {
  expect(load({NETWORK: 'localnet'}).chutes.isUsed).toBe(false)
  expect(load({NETWORK: 'localnet', CHUTES_API_KEY: 'cpk', HF_ENDPOINT: 'http://x'}).chutes.isUsed).toBe(false)
  expect(load({NETWORK: 'localnet', CHUTES_API_URL: 'http://127.0.0.1:1'}).chutes.isUsed).toBe(true)
  expect(load({NETWORK: 'finney'}).chutes).toMatchObject({isUsed: true, apiUrl: 'https://api.chutes.ai'})
})

describe('where chutes are called', () => {
  test.each(['https://{slug}.chutes.ai', 'http://127.0.0.1:80/chute/{slug}', 'http://[::1]:80/{slug}'])('%s', (url) => {
    expect(load({CHUTES_INVOKE_URL: `${url}/`}).chutes.invokeUrl).toBe(url)
  })

  test.each([
    'https://chutes.ai',
    'https://{slug}.{slug}.ai',
    'ftp://{slug}.chutes.ai',
    'http://{slug}.chutes.ai',
    'http://localhost.evil.example/{slug}',
    'http://127.0.0.1.evil.example/{slug}',
    'https://{slug}.chutes.ai/?x',
  ])('not %s', (url) => {
    expect(() => load({CHUTES_INVOKE_URL: url})).toThrow(/CHUTES_INVOKE_URL {2}is /)
  })
})

test('whom a chute is shared with is left to the exam unless somebody says it', () => {
  expect(load({}).chutes.shareWith).toBeUndefined()
  expect(load({CHUTE_SHARE_WITH: 'leoma, other ,'}).chutes.shareWith).toEqual(['leoma', 'other'])
})
