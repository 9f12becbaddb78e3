import {afterEach, beforeEach, expect, it} from 'vitest'
import {routes} from '../../../src/http/routes/index.js'
import {OwnerWorld} from '../../helpers/owner-world.js'

let world: OwnerWorld
beforeEach(() => {
  world = new OwnerWorld()
})
afterEach(() => world.close())

it('describes every route that the server answers', async () => {
  const table = routes({
    ...world,
    verify: () => false,
    scorer: world.scorer(),
    version: '',
    admins: [],
    maxBodyBytes: 1,
  })

  const document = (await world.server().inject('/openapi.json')).json()

  const described = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.sort()).toEqual(table.map(({method, path}) => `${method} ${path}`).sort())
  expect(new Set(table.map(({method, path}) => document.paths[path][method.toLowerCase()].operationId)).size).toBe(
    table.length,
  )
})

it('says what may be left out, what the limits are, and who may call', async () => {
  const {paths} = (await world.server().inject('/openapi.json')).json()

  const {requestBody, security, responses} = paths['/blacklist'].post
  expect(requestBody.content['application/json'].schema).toEqual({
    type: 'object',
    properties: {
      hotkey: {type: 'string', pattern: '^[1-9A-HJ-NP-Za-km-z]{47,48}$'},
      reason: {default: null, anyOf: [{type: 'string', maxLength: 255}, {type: 'null'}]},
    },
    required: ['hotkey'],
  })
  expect(security.map((headers: object) => Object.keys(headers))).toEqual([
    ['hotkey', 'signature', 'timestamp', 'nonce', 'version'],
    ['hotkey', 'signature', 'timestamp'],
  ])
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '401', '403', '413', '422']))
  expect(paths['/samples/list'].get.parameters).toEqual([
    {name: 'limit', in: 'query', required: false, schema: {default: 200, type: 'integer', minimum: 1, maximum: 500}},
  ])
})

it('has a page that can be read without anything from elsewhere', async () => {
  const answer = await world.server().inject('/docs')

  expect(answer.headers['content-type']).toBe('text/html; charset=utf-8')
  expect(answer.body).toContain('/scores/rank')
  expect(answer.body).not.toMatch(/<(script|link|img)|https?:\/\/(?!json-schema)/)
})
