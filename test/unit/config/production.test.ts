import {describe, expect, it} from 'vitest'
import {loadConfig} from '../../../src/config/load.js'

const alice = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const unsafe = (env: Record<string, string>) =>
  loadConfig(['api'], {LEOMA_ENV: 'production', CHUTES_API_KEY: 'cpk_4f1c', ...env}).unsafe

describe('in production', () => {
  it('finds nothing wrong with secrets of one’s own', () => {
    expect(unsafe({HF_TOKEN: 'hf_x81', ADMIN_HOTKEYS: '5FTyuyEQQZs8tCcPTUFqotkm2SYfDnpefn9FitRgmTHnFDBD'})).toEqual([])
  })

  it.each(['leoma', 'changeme', 'change-me', 'PASSWORD', 'postgres', 'your-key-here', '<key>', 'xxxx', '***'])(
    'names a secret that is the placeholder %s',
    (value) => {
      expect(unsafe({CHUTES_API_KEY: value})).toEqual([expect.stringMatching(/^CHUTES_API_KEY is a placeholder/)])
    },
  )

  it('names a secret that is missing', () => {
    expect(unsafe({CHUTES_API_KEY: ' '})).toEqual(['CHUTES_API_KEY is empty'])
    expect(unsafe({CHUTES_API_KEY: '', NETWORK: 'localnet'})).toEqual([])
  })

  it('names administrators for whom everybody can sign', () => {
    expect(unsafe({ADMIN_HOTKEYS: ` ${alice} ,`})).toEqual([expect.stringContaining(alice)])
  })

  it('never shows a secret', () => {
    expect(unsafe({CHUTES_API_KEY: 'secret', HF_TOKEN: 'password'}).join()).not.toMatch(/: (secret|password)\b/)
  })

  it('is taken from the published name too', () => {
    expect(loadConfig(['api'], {ENVIRONMENT: 'production'}).unsafe).toEqual(['CHUTES_API_KEY is empty'])
  })
})

it('elsewhere nothing is refused', () => {
  expect(loadConfig(['api'], {CHUTES_API_KEY: 'changeme', ADMIN_HOTKEYS: alice}).unsafe).toEqual([])
})

describe('origins', () => {
  it('are addresses, or all of them', () => {
    expect(loadConfig(['api'], {CORS_ORIGINS: 'https://a.example/, http://b.example:8080'}).server.corsOrigins).toEqual(
      ['https://a.example', 'http://b.example:8080'],
    )
    expect(loadConfig(['api'], {CORS_ORIGINS: '*'}).server.corsOrigins).toEqual(['*'])
  })

  it.each(['a.example', 'https://a.example/page', 'https://*.example x', 'null'])('are not %s', (text) => {
    expect(() => loadConfig(['api'], {CORS_ORIGINS: text})).toThrow(/CORS_ORIGINS/)
  })
})

it('limits requests by address and by hotkey, but not on localnet', () => {
  expect(loadConfig(['api'], {}).server.rates).toEqual({perAddress: 1200, perHotkey: 600})
  expect(loadConfig(['api'], {NETWORK: 'localnet'}).server.rates).toEqual({perAddress: 0, perHotkey: 0})
  expect(loadConfig(['api'], {NETWORK: 'localnet', API_RATE_LIMIT: '5'}).server.rates.perAddress).toBe(5)
})
