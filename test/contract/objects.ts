import {createHash, randomBytes} from 'node:crypto'
import {mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import type {Objects} from '../../src/objects/port.js'

export interface ObjectsFixture {
  readonly objects: Objects
  close(): Promise<void>
}

/** Every adapter of the objects port must pass this; `setup` gives an empty bucket for each test. */
export function objectsContract(name: string, setup: () => Promise<ObjectsFixture>): void {
  const {signal} = new AbortController()
  const aborted = AbortSignal.abort(new Error('stop'))
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
  let fixture: ObjectsFixture
  let objects: Objects
  let folder: string

  const put = (key: string, text: string) => objects.putBytes(key, Buffer.from(text), 'text/plain', signal)
  const text = async (key: string) => Buffer.from(await objects.getBytes(key, 1_000_000, signal)).toString()
  const list = async (prefix: string) => {
    const keys: string[] = []
    for await (const {key} of objects.list(prefix, signal)) keys.push(key)
    return keys
  }

  describe(`objects contract: ${name}`, () => {
    beforeEach(async () => {
      fixture = await setup()
      objects = fixture.objects
      folder = await mkdtemp(path.join(tmpdir(), 'leoma-objects-'))
    })
    afterEach(async () => {
      await fixture.close()
      await rm(folder, {recursive: true, force: true})
    })

    it('gives back the bytes it was given, with their size and SHA-256', async () => {
      const bytes = randomBytes(300_000)

      const written = await objects.putBytes('a/b.bin', bytes, 'application/octet-stream', signal)

      expect(written).toEqual({key: 'a/b.bin', sizeBytes: 300_000, sha256: sha256(bytes)})
      expect(Buffer.from(await objects.getBytes('a/b.bin', 300_000, signal)).equals(bytes)).toBe(true)
    })

    it('moves files in both directions', async () => {
      const bytes = randomBytes(3_000_000)
      const from = path.join(folder, 'from')
      const to = path.join(folder, 'to')
      await writeFile(from, bytes)

      const written = await objects.putFile('7/clip.mp4', from, 'video/mp4', signal)
      const read = await objects.getFile('7/clip.mp4', to, 3_000_000, signal)

      expect(written).toEqual({key: '7/clip.mp4', sizeBytes: 3_000_000, sha256: sha256(bytes)})
      expect(read).toEqual(written)
      expect((await readFile(to)).equals(bytes)).toBe(true)
    })

    it('keeps empty objects', async () => {
      await put('empty', '')

      expect(await objects.has('empty', signal)).toBe(true)
      expect(await text('empty')).toBe('')
    })

    it('replaces an object as a whole', async () => {
      await put('k', 'a long first text')
      await put('k', 'short')

      expect(await text('k')).toBe('short')
      expect(await list('')).toEqual(['k'])
    })

    it('shows readers the old object or the new one, never a mixture', async () => {
      const [a, b] = [Buffer.alloc(2_000_000, 'a'), Buffer.alloc(2_000_000, 'b')]
      await objects.putBytes('k', a, 'text/plain', signal)
      let writing = true
      const writes = (async () => {
        for (let i = 0; i < 10; i++) await objects.putBytes('k', i % 2 === 0 ? b : a, 'text/plain', signal)
        writing = false
      })()

      while (writing) {
        const bytes = Buffer.from(await objects.getBytes('k', 2_000_000, signal))
        expect(bytes.equals(a) || bytes.equals(b)).toBe(true)
      }
      await writes
    })

    it('says that an object is missing, not that the store is down', async () => {
      await put('there/too', 'x')
      const missing = {kind: 'upstream', code: 'OBJECT_MISSING', retryable: false}

      for (const key of ['none', 'there', 'there/none', 'there/too/none']) {
        expect(await objects.has(key, signal)).toBe(false)
        await expect(objects.getBytes(key, 10, signal)).rejects.toMatchObject(missing)
        await expect(objects.getFile(key, path.join(folder, 'to'), 10, signal)).rejects.toMatchObject(missing)
      }
      expect(await readdir(folder)).toEqual([])
    })

    it('stops at the byte limit and leaves no file behind', async () => {
      await objects.putBytes('k', randomBytes(200_000), 'x', signal)
      const tooLarge = {code: 'OBJECT_TOO_LARGE'}

      await expect(objects.getBytes('k', 199_999, signal)).rejects.toMatchObject(tooLarge)
      await expect(objects.getFile('k', path.join(folder, 'to'), 199_999, signal)).rejects.toMatchObject(tooLarge)
      expect(await readdir(folder)).toEqual([])
      expect((await objects.getFile('k', path.join(folder, 'to'), 200_000, signal)).sizeBytes).toBe(200_000)
    })

    it('lists in key order, by prefix, with sizes', async () => {
      for (const key of ['b', 'a/2', 'a-b', 'a.c', 'a/10', 'a/1/x', 'ab', 'B', '10/m', '9/m']) await put(key, key)

      expect(await list('')).toEqual(['10/m', '9/m', 'B', 'a-b', 'a.c', 'a/1/x', 'a/10', 'a/2', 'ab', 'b'])
      expect(await list('a/')).toEqual(['a/1/x', 'a/10', 'a/2'])
      expect(await list('a/1')).toEqual(['a/1/x', 'a/10'])
      expect(await list('a')).toEqual(['a-b', 'a.c', 'a/1/x', 'a/10', 'a/2', 'ab'])
      expect(await list('zz')).toEqual([])
      expect(await list('a/2/')).toEqual([])
      for await (const {key, sizeBytes} of objects.list('', signal)) expect(sizeBytes).toBe(key.length)
    })

    it.each([
      '',
      '.',
      '..',
      '../x',
      'a/../b',
      'a/./b',
      '/a',
      'a/',
      'a//b',
      'a\\b',
      'a b',
      'a\0b',
      'ä',
      'a%2e%2e',
      '~a',
      'x'.repeat(1025),
    ])('refuses %j as a key', async (key) => {
      const invalid = {code: 'OBJECT_KEY_INVALID'}

      await expect(put(key, 'x')).rejects.toMatchObject(invalid)
      await expect(objects.getBytes(key, 10, signal)).rejects.toMatchObject(invalid)
      await expect(objects.getFile(key, path.join(folder, 'to'), 10, signal)).rejects.toMatchObject(invalid)
      await expect(objects.has(key, signal)).rejects.toMatchObject(invalid)
      expect(await list('')).toEqual([])
    })

    it('never lists what lies above the bucket', async () => {
      await put('a', 'x')

      expect(await list('../')).toEqual([])
      expect(await list('a/../')).toEqual([])
    })

    it('begins nothing under an aborted signal', async () => {
      await put('k', 'old')

      await expect(objects.putBytes('k', Buffer.from('new'), 'x', aborted)).rejects.toThrow('stop')
      await expect(objects.getBytes('k', 10, aborted)).rejects.toThrow('stop')
      await expect(objects.getFile('k', path.join(folder, 'to'), 10, aborted)).rejects.toThrow('stop')
      await expect(objects.has('k', aborted)).rejects.toThrow('stop')
      await expect(objects.list('', aborted)[Symbol.asyncIterator]().next()).rejects.toThrow('stop')
      expect(await text('k')).toBe('old')
      expect(await readdir(folder)).toEqual([])
    })

    it('leaves the old object when a write is broken off', async () => {
      await put('k', 'old')
      const from = path.join(folder, 'from')
      await writeFile(from, randomBytes(5_000_000))
      const stop = new AbortController()

      const writing = objects.putFile('k', from, 'x', stop.signal)
      stop.abort(new Error('stop'))

      await expect(writing).rejects.toThrow('stop')
      expect(await text('k')).toBe('old')
      expect(await list('')).toEqual(['k'])
    })
  })
}
