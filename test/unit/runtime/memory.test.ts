import {beforeEach, expect, test, vi} from 'vitest'

/** The process is shared with other tests, and so would be what they gave back. */
let borrowed: typeof import('../../../src/runtime/memory.js').borrowed
let giveBack: typeof import('../../../src/runtime/memory.js').giveBack
let sharedCopy: typeof import('../../../src/runtime/memory.js').sharedCopy
beforeEach(async () => {
  vi.resetModules()
  ;({borrowed, giveBack, sharedCopy} = await import('../../../src/runtime/memory.js'))
})

const mebibyte = 2 ** 20

test('memory that was given back is used again, and whoever still looks at it sees nothing', () => {
  const first = borrowed(3 * mebibyte)
  first.fill(7)
  const early = first.subarray(0, 10)
  giveBack(first)

  expect([first.length, early.length]).toEqual([0, 0])
  const second = borrowed(3 * mebibyte - 5)
  expect(second).toHaveLength(3 * mebibyte - 5)
  expect(second[0]).toBe(7)
  giveBack(second)
})

test('two who borrow at once never share', () => {
  const [one, other] = [borrowed(mebibyte), borrowed(mebibyte)]
  one.fill(1)
  other.fill(2)
  expect([one[0], other[0]]).toEqual([1, 2])
  for (const memory of [one, other]) giveBack(memory)
  // A second time is no second piece.
  giveBack(one)
  const [again, more] = [borrowed(mebibyte), borrowed(mebibyte)]
  expect(again.buffer).not.toBe(more.buffer)
})

test('a small wish does not take a large piece away, and what is too much is not kept', () => {
  giveBack(borrowed(8 * mebibyte))
  const small = borrowed(1000)
  expect(small.buffer.byteLength).toBeLessThan(mebibyte)
  const large = borrowed(64 * mebibyte)
  large[0] = 9
  giveBack(large)
  expect(borrowed(64 * mebibyte)[0]).toBe(0)
})

test('what is shared among threads is a copy of its own', () => {
  const bytes = borrowed(1000)
  bytes.fill(5)
  const copy = sharedCopy(bytes)
  expect(bytes).toHaveLength(0)
  expect(copy.buffer).toBeInstanceOf(SharedArrayBuffer)
  expect([copy.length, copy[0], copy[999]]).toEqual([1000, 5, 5])
})
