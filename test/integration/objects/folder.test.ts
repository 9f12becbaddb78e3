import {execFile} from 'node:child_process'
import {mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {FolderObjects} from '../../../src/objects/folder.js'

const {signal} = new AbortController()
let root: string
let objects: FolderObjects
let outside: string

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'leoma-buckets-'))
  outside = path.join(root, 'outside')
  objects = new FolderObjects({root, bucket: 'b'})
  await mkdir(outside)
  await writeFile(path.join(outside, 'secret'), 'secret')
  await objects.putBytes('a/k', Buffer.from('x'), 'text/plain', signal)
})
afterEach(() => rm(root, {recursive: true, force: true}))

const put = (key: string) => objects.putBytes(key, Buffer.from('new'), 'text/plain', signal)
const keys = async () => {
  const found: string[] = []
  for await (const {key} of objects.list('', signal)) found.push(key)
  return found
}

describe('a folder as a bucket', () => {
  it('follows no link out of itself, to read or to write', async () => {
    await symlink(outside, path.join(root, 'b', 'folder'))
    await symlink(path.join(outside, 'secret'), path.join(root, 'b', 'file'))
    const missing = {code: 'OBJECT_MISSING'}

    for (const key of ['folder/secret', 'file']) {
      expect(await objects.has(key, signal)).toBe(false)
      await expect(objects.getBytes(key, 100, signal)).rejects.toMatchObject(missing)
    }
    await expect(put('folder/new')).rejects.toMatchObject({code: 'OBJECT_KEY_INVALID'})
    await put('file')

    expect(await keys()).toEqual(['a/k', 'file'])
    expect(await readdir(outside)).toEqual(['secret'])
    expect(await readFile(path.join(outside, 'secret'), 'utf8')).toBe('secret')
  })

  it('is not held up by a named pipe', async () => {
    await promisify(execFile)('mkfifo', [path.join(root, 'b', 'pipe')])

    await expect(objects.getBytes('pipe', 100, signal)).rejects.toMatchObject({code: 'OBJECT_MISSING'})
    expect(await keys()).toEqual(['a/k'])
  })

  it('does not list what is no object of its own', async () => {
    await writeFile(path.join(root, 'b', 'a name with spaces'), 'x')

    expect(await keys()).toEqual(['a/k'])
  })

  it('cannot hold an object and others below its key', async () => {
    await expect(put('a')).rejects.toMatchObject({kind: 'data', code: 'OBJECT_KEY_INVALID'})
    await expect(put('a/k/below')).rejects.toMatchObject({kind: 'data', code: 'OBJECT_KEY_INVALID'})
    expect(await keys()).toEqual(['a/k'])
  })

  it('leaves no unfinished file behind', async () => {
    const from = path.join(root, 'from')
    await writeFile(from, Buffer.alloc(5_000_000))
    const stop = new AbortController()
    const writing = objects.putFile('k', from, 'x', stop.signal)
    stop.abort(new Error('stop'))
    await expect(writing).rejects.toThrow('stop')
    await expect(put('a')).rejects.toThrow()

    expect(await readdir(path.join(root, 'b', '~incoming'))).toEqual([])
  })

  it('says that it cannot be reached when its folder is not a folder', async () => {
    await writeFile(path.join(root, 'c'), 'x')
    const broken = new FolderObjects({root, bucket: 'c'})

    await expect(broken.putBytes('k', Buffer.from('x'), 'x', signal)).rejects.toMatchObject({
      kind: 'upstream',
      code: 'OBJECTS_UNREACHABLE',
      retryable: true,
    })
  })

  it.each(['', '..', 'a/b', '/', 'ä'])('does not take %j for a bucket', (bucket) => {
    expect(() => new FolderObjects({root, bucket})).toThrow(TypeError)
  })
})
