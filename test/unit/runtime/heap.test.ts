import {expect, it} from 'vitest'
import {collectGarbage} from '../../../src/runtime/heap.js'

it('gives back what nobody holds any more', async () => {
  let buffer: Uint8Array | undefined = new Uint8Array(1_000_000)
  const reference = new WeakRef(buffer)
  buffer = undefined
  // A weak reference holds its target until the present job of the event loop has ended.
  await new Promise((resolve) => setImmediate(resolve))
  collectGarbage()

  expect(reference.deref()).toBeUndefined()
})
