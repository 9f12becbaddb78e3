import {chmodSync, mkdirSync} from 'node:fs'
import path from 'node:path'
import {expect, test} from 'vitest'
import {bucketProbe, type ProbeOptions} from '../../../src/objects/probe.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import type {Right, S3ServerOptions} from '../../fakes/s3-server.js'
import {never, owner, reader, s3World} from '../../helpers/s3.js'
import {tempFolder} from '../../helpers/temp-folder.js'

const all: readonly Right[] = ['get', 'list', 'put', 'delete']

async function probing(
  changes: Partial<ProbeOptions>,
  readerRights: {rights: readonly Right[]; buckets?: readonly string[]} = {
    rights: ['get', 'list'],
    buckets: ['samples'],
  },
  server: Partial<S3ServerOptions> = {},
) {
  const world = await s3World(
    {},
    {
      buckets: ['samples', 'videos'],
      accounts: [
        {...owner, rights: all},
        {...reader, ...readerRights},
      ],
      ...server,
    },
  )
  const run = (knownKey?: string) =>
    bucketProbe({
      ...{
        backend: 's3',
        endpoint: world.server.url,
        region: world.server.region,
        bucket: 'samples',
        folder: '/nowhere',
      },
      ...{role: 'samples', purpose: 'read', isOwner: true, forbidden: 'videos', keys: {read: reader, write: owner}},
      variables: {read: 'READ KEYS', write: 'WRITE KEYS'},
      ...{time: {now: () => 0, sleep: async () => {}}, log: silentLogger()},
      ...changes,
    }).run(knownKey, never)
  return {...world, run}
}

test('a pair that only reads, and only its own bucket, is as it should be', async () => {
  const {server, run} = await probing({})
  server.put('7/manifest.json', '{}')

  expect(await run('7/manifest.json')).toEqual({
    status: 'ok',
    detail: 'reads 7/manifest.json, may not write, may not read videos; without TLS',
    hints: [],
  })
  expect([...server.buckets.get('samples')!.keys()]).toEqual(['7/manifest.json'])
})

test('a pair for reading that can write is a fault of the owner, and nothing is left of the trial', async () => {
  const {server, run} = await probing({}, {rights: all, buckets: ['samples']})
  const validators = await probing({isOwner: false}, {rights: all, buckets: ['samples']})

  expect(await run()).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('WRITES'),
    hints: [expect.stringContaining('READ KEYS')],
  })
  expect(await validators.run()).toMatchObject({
    status: 'warn',
    hints: ['tell the owner of the subnet', expect.anything()],
  })
  expect(server.buckets.get('samples')?.size).toBe(0)
})

test('what a pair has written and may not delete is named', async () => {
  const {server, run} = await probing({}, {rights: ['get', 'list', 'put']})

  const {status, detail} = await run()

  const [left] = server.buckets.get('samples')!.keys()
  expect(status).toBe('fail')
  expect(detail).toContain(`${left} is left behind`)
})

test('a pair for samples that can read the footage is a fault', async () => {
  const {run} = await probing({}, {rights: ['get', 'list']})

  expect(await run()).toMatchObject({status: 'fail', detail: expect.stringContaining('reads bucket videos')})
})

test('a pair that cannot read is a fault, and so is a bucket without what is published', async () => {
  const {run} = await probing({}, {rights: []})
  const wrong = await probing({})

  await expect(run('7/manifest.json')).rejects.toMatchObject({code: 'OBJECTS_FORBIDDEN'})
  await expect(wrong.run('7/manifest.json')).rejects.toMatchObject({code: 'OBJECT_MISSING'})
})

test('the pair for writing writes, reads back its habits, and cleans up', async () => {
  const strict = await probing({purpose: 'write'})
  const hippius = await probing({purpose: 'write'}, undefined, {provider: 'hippius'})

  expect(await strict.run()).toMatchObject({status: 'ok', detail: 'writes, deletes, honours If-None-Match'})
  expect(await hippius.run()).toMatchObject({status: 'ok', detail: 'writes, deletes, ignores If-None-Match'})
  for (const {server} of [strict, hippius]) expect(server.buckets.get('samples')?.size).toBe(0)
})

test('a pair for writing that cannot write, cannot delete, or is the one for reading', async () => {
  const cannot = await probing({purpose: 'write', keys: {write: reader}})
  const stays = await probing({purpose: 'write', keys: {write: reader}}, {rights: ['put', 'get']})
  const same = await probing({purpose: 'write', keys: {read: owner, write: owner}})
  const unpaid = await probing({purpose: 'write'}, undefined, {provider: 'hippius'})
  unpaid.server.hasCredit = false

  await expect(cannot.run()).rejects.toMatchObject({code: 'OBJECTS_FORBIDDEN'})
  expect(await stays.run()).toMatchObject({status: 'warn', detail: expect.stringContaining('left behind')})
  expect(await same.run()).toMatchObject({status: 'warn', hints: [expect.stringContaining('READ KEYS')]})
  await expect(unpaid.run()).rejects.toMatchObject({code: 'OBJECTS_UNPAID'})
})

test('a pair for reading at a store without credit cannot be told to be harmless', async () => {
  const {server, run} = await probing({}, {rights: ['get', 'list', 'put'], buckets: ['samples']}, {provider: 'hippius'})
  server.hasCredit = false

  expect(await run()).toMatchObject({detail: expect.stringContaining('whether it may write cannot be told')})
})

test('the footage is listed, the samples are not', async () => {
  const footage = await probing({role: 'source', bucket: 'videos', forbidden: undefined}, {rights: ['list', 'get']})
  const samples = await probing({}, {rights: ['get'], buckets: ['samples']})
  samples.server.put('7/manifest.json', '{}')

  expect(await footage.run()).toMatchObject({status: 'ok', detail: expect.stringContaining('lists')})
  expect(await samples.run('7/manifest.json')).toMatchObject({status: 'ok'})
})

test('a public address has what is published, or not', async () => {
  const {server, run} = await probing({keys: {}}, undefined, {public: ['samples']})
  server.put('7/manifest.json', '{}')
  const publicUrl = `${server.url}/samples`
  const open = await probing({keys: {}, publicUrl})

  expect(await open.run('7/manifest.json')).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('no keys are needed'),
  })
  expect(await open.run('8/manifest.json')).toMatchObject({status: 'fail'})
  await expect(run()).rejects.toMatchObject({code: 'OBJECTS_KEYS_MISSING'})
})

test('a folder is there, will be there, or cannot be used', async () => {
  const root = tempFolder()
  const closed = path.join(root, 'closed')
  mkdirSync(closed)
  const at = async (folder: string, purpose: 'read' | 'write') =>
    (await probing({backend: 'folder', folder, purpose})).run()

  expect(await at(root, 'read')).toMatchObject({status: 'ok'})
  expect(await at(path.join(root, 'a', 'b'), 'write')).toMatchObject({
    status: 'ok',
    detail: expect.stringContaining('will be made'),
  })
  expect(await at(path.join(root, 'a', 'b'), 'read')).toMatchObject({status: 'warn'})
  chmodSync(closed, 0o500)
  // The superuser may do anything.
  if (process.getuid?.() !== 0) expect(await at(closed, 'write')).toMatchObject({status: 'fail'})
})
