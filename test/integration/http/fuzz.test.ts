import {expect, it} from 'vitest'
import {fuzz, fuzzWorld} from '../../fuzz/fuzz.js'

it('answers whatever is sent to it, in the published form, and never as a fault of its own', async () => {
  const under = await fuzzWorld()

  // As many as there is time for in every run; `npm run fuzz` sends more.
  const {requests, operations} = await fuzz(under, {runs: 600})
  await under.world.close()

  expect(requests).toBe(600)
  expect(operations).toBeGreaterThan(30)
})
