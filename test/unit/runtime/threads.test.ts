import {threadId} from 'node:worker_threads'
import {execa} from 'execa'
import {expect, test, vi} from 'vitest'
import {beside, fromSource, workOf} from '../../../src/runtime/threads.js'
import {adding, ending, failing, slow, whereabouts} from '../../helpers/thread-work.js'

const {signal} = new AbortController()

test('work is done beside, by the same function, with the same answer', async () => {
  expect(await beside(adding, [[1, 2, 39]], [], signal)).toBe(adding.here([1, 2, 39]))
  expect(await beside(whereabouts, [], [], signal)).not.toBe(threadId)
})

test('what is lent goes over without a copy, and is free for the next user afterwards', async () => {
  // With nothing that other tests of this process gave back.
  vi.resetModules()
  const {borrowed, giveBack} = await import('../../../src/runtime/memory.js')
  const {beside} = await import('../../../src/runtime/threads.js')
  const lent = borrowed(2 ** 20)
  lent.fill(3)

  expect(await beside(adding, [lent.subarray(0, 14)], [lent], signal)).toBe(42)
  expect(lent).toHaveLength(0)
  const again = borrowed(2 ** 20)
  expect(again[0]).toBe(3)
  giveBack(again)
})

test('small bytes out of memory that others share are copied, and stay', async () => {
  const small = Buffer.from([40, 2])
  expect(await beside(adding, [small], [small], signal)).toBe(42)
  expect([...small]).toEqual([40, 2])
})

test('many at once all get their own answers', async () => {
  const sums = await Promise.all(Array.from({length: 50}, (_, i) => beside(adding, [[i, 1]], [], signal)))
  expect(sums).toEqual(Array.from({length: 50}, (_, i) => i + 1))
})

test('what goes wrong there is told here, and the next one works', async () => {
  await expect(beside(failing, ['no such picture'], [], signal)).rejects.toThrow('no such picture')
  await expect(
    beside(
      workOf(adding.module, function absent() {}),
      [],
      [],
      signal,
    ),
  ).rejects.toThrow('no function absent')
  await expect(beside(adding, [[1, () => 2] as unknown as number[]], [], signal)).rejects.toThrow(/could not be cloned/)
  expect(await beside(adding, [[1]], [], signal)).toBe(1)
})

test('a thread that dies under its work is replaced, and whoever waited may try again', async () => {
  await expect(beside(ending, [], [], signal)).rejects.toMatchObject({code: 'THREAD_ENDED', retryable: true})
  expect(await beside(adding, [[1]], [], signal)).toBe(1)
})

test('whoever stops waiting gets the reason at once', async () => {
  const stop = new AbortController()
  const waiting = beside(slow, [300], [], stop.signal)
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(beside(adding, [[1]], [], stop.signal)).rejects.toThrow('enough')
})

test('a process with nothing else to do ends, whether the work could be handed over or not', async () => {
  const program = `
    import {adding} from ${JSON.stringify(new URL('../../helpers/thread-work.ts', import.meta.url).href)}
    import {beside} from ${JSON.stringify(new URL('../../../src/runtime/threads.ts', import.meta.url).href)}
    const {signal} = new AbortController()
    await beside(adding, [[1, () => 2]], [], signal).catch(() => {})
    if (process.argv[1] === 'work') console.log(await beside(adding, [[40, 2]], [], signal))
  `
  const run = (word: string) =>
    execa(process.execPath, ['--import', fromSource, '--input-type=module', '-e', program, word], {timeout: 20_000})
  expect((await run('work')).stdout).toBe('42')
  expect((await run('rest')).stdout).toBe('')
})
