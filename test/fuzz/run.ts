import {statSync} from 'node:fs'
import {walletReady} from '../../src/wallet/keypair.js'
import {fuzz, fuzzWorld} from './fuzz.js'

/**
 * `npm run fuzz -- [requests] [seed]`: sends requests made from the API's own document, and looks for faults, hangs and
 * growth. Growth is what the second half leaves behind.
 */
const [runs = 20_000, seed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number)
const maxGrowthBytes = 24 * 1024 * 1024

await walletReady()
const started = performance.now()
const under = await fuzzWorld()
const {world} = under
const memory = () => {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** The file and its write-ahead log. */
const stored = () =>
  ['', '-wal'].reduce((sum, end) => sum + (statSync(world.storePath + end, {throwIfNoEntry: false})?.size ?? 0), 0)

const half = Math.ceil(runs / 2)
console.error(`${runs} requests with seed ${seed} …`)
const first = await fuzz(under, {runs: half, seed})
const [heap, store] = [memory(), stored()]
const second = await fuzz(under, {runs: half, seed: seed + 1})
const [heapAfter, storeAfter] = [memory(), stored()]
await world.close()

const statuses = {...first.statuses}
for (const [status, count] of Object.entries(second.statuses)) statuses[status] = (statuses[status] ?? 0) + count
const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`
console.log(`requests    ${first.requests + second.requests} in ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(`operations  ${Math.max(first.operations, second.operations)}`)
console.log(
  `answers     ${Object.entries(statuses)
    .map(([status, count]) => `${status}: ${count}`)
    .join(', ')}`,
)
console.log(`heap        ${megabytes(heap)} after the first half, ${megabytes(heapAfter)} after the second`)
console.log(`store       ${megabytes(store)} after the first half, ${megabytes(storeAfter)} after the second`)
if (heapAfter - heap > maxGrowthBytes) {
  console.error('the heap has grown')
  process.exitCode = 1
}
