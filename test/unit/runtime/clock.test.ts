import {setImmediate} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'
import {type BlockRef, FatalError, SystemClock, systemTime} from '../../../src/runtime/clock.js'
import {Health} from '../../../src/runtime/health.js'
import {silentLogger} from '../../../src/runtime/logger.js'

function heads(...numbers: number[]) {
  return {
    async *watchHeads(): AsyncIterable<BlockRef> {
      for (const number of numbers) yield {number, hash: `0x${number}`}
    },
  }
}

describe('the clock', () => {
  it('runs a job at once and again, never twice at the same time', async () => {
    const stop = new AbortController()
    const clock = new SystemClock({log: silentLogger(), health: new Health()})
    let [running, most, turns] = [0, 0, 0]
    clock.every('job', {ms: 1}, async ({signal}) => {
      most = Math.max(most, ++running)
      await clock.sleep(5, signal)
      running--
      if (++turns === 3) stop.abort()
    })

    await clock.start(stop.signal)

    expect([turns, most]).toEqual([3, 1])
  })

  it('keeps going after a bad turn, and the health report counts it', async () => {
    const stop = new AbortController()
    const health = new Health()
    const clock = new SystemClock({log: silentLogger(), health})
    const seen: number[] = []
    let turns = 0
    clock.every('job', {ms: 1}, async () => {
      turns++
      if (turns <= 2) throw new Error('bad turn')
      seen.push(health.report()[0]?.consecutiveFailures ?? -1)
      if (turns === 4) stop.abort()
    })

    await clock.start(stop.signal)

    expect(seen).toEqual([2, 0])
    expect(health.report()).toMatchObject([{job: 'job', lastError: null}])
  })

  it('turns on blocks by distance, so that a missed head costs nothing', async () => {
    const stop = new AbortController()
    const clock = new SystemClock({
      log: silentLogger(),
      health: new Health(),
      blocks: () => heads(10, 11, 13, 19, 20, 24),
    })
    const turns: number[] = []
    clock.every('job', {blocks: 5}, async ({block}) => {
      turns.push(block?.number ?? -1)
      if (block?.number === 24) stop.abort()
    })

    await clock.start(stop.signal)

    expect(turns).toEqual([10, 19, 24])
  })

  it('ends the whole process on a failure that no later turn can mend', async () => {
    const clock = new SystemClock({log: silentLogger(), health: new Health()})
    let other: AbortSignal | undefined
    clock.every('fatal', {ms: 1}, async () => {
      throw new FatalError('auth', 'HOTKEY_NOT_REGISTERED', 'gone')
    })
    clock.every('other', {ms: 1}, async ({signal}) => {
      other = signal
    })

    await expect(clock.start(new AbortController().signal)).rejects.toMatchObject({code: 'HOTKEY_NOT_REGISTERED'})
    expect(other?.aborted).toBe(true)
  })

  it('refuses two jobs of one name', () => {
    const clock = new SystemClock({log: silentLogger(), health: new Health()})
    clock.every('job', {ms: 1}, async () => {})

    expect(() => clock.every('job', {ms: 1}, async () => {})).toThrow(/twice/)
  })

  it('gives everyone who pauses a turn of the event loop of its own', async () => {
    const clock = systemTime()
    const stop = new AbortController()
    let turn = 0
    const counting = (async () => {
      for (; !stop.signal.aborted; turn++) await setImmediate()
    })()
    const turns: number[] = []
    const work = async () => {
      for (let piece = 0; piece < 20; piece++) {
        await clock.sleep(0, stop.signal)
        turns.push(turn)
      }
    }

    await Promise.all([work(), work(), work()])
    stop.abort()
    await counting

    expect(new Set(turns).size).toBe(60)
    await expect(clock.sleep(0, stop.signal)).rejects.toBe(stop.signal.reason)
  })

  it('wakes a sleeper with the reason of the abort', async () => {
    const stop = new AbortController()
    const clock = new SystemClock({log: silentLogger(), health: new Health()})
    const sleeping = clock.sleep(60_000, stop.signal)
    const reason = new Error('shutdown')
    stop.abort(reason)

    await expect(sleeping).rejects.toBe(reason)
  })
})
