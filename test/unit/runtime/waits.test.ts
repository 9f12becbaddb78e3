import {describe, expect, it} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {withDeadline} from '../../../src/runtime/deadline.js'
import {collectGarbage} from '../../../src/runtime/heap.js'
import {withIdleDeadline} from '../../../src/runtime/idle-deadline.js'
import {createLogger} from '../../../src/runtime/logger.js'
import {retry} from '../../../src/runtime/retry.js'
import {Shutdown} from '../../../src/runtime/shutdown.js'
import {withStop} from '../../../src/runtime/stop.js'

const never = new AbortController().signal
const flaky = () => new LeomaError('upstream', 'FLAKY', 'try again')

/** Time that moves only when somebody sleeps. */
function fakeTime() {
  const slept: number[] = []
  return {slept, now: () => slept.reduce((sum, ms) => sum + ms, 0), sleep: async (ms: number) => void slept.push(ms)}
}

describe('retry', () => {
  it('tries again with growing pauses until the work succeeds', async () => {
    const time = fakeTime()
    const result = await retry(async (attempt) => (attempt < 4 ? Promise.reject(flaky()) : attempt), {
      time,
      signal: never,
      attempts: 5,
      firstPauseMs: 100,
    })

    expect(result).toBe(4)
    expect(time.slept).toHaveLength(3)
    for (const [index, pause] of time.slept.entries()) {
      expect(pause).toBeGreaterThanOrEqual(75 * 2 ** index)
      expect(pause).toBeLessThanOrEqual(125 * 2 ** index)
    }
  })

  it('gives up at once on what a later try cannot change', async () => {
    let tries = 0
    const work = async () => {
      tries++
      throw new LeomaError('auth', 'NO', 'never')
    }

    await expect(retry(work, {time: fakeTime(), signal: never, attempts: 5, firstPauseMs: 1})).rejects.toMatchObject({
      code: 'NO',
    })
    expect(tries).toBe(1)
  })

  it('starts no try after the deadline, and obeys a pause that was asked for', async () => {
    const time = fakeTime()
    const options = {time, signal: never, attempts: 50, firstPauseMs: 10, until: 1000, askedPauseMs: () => 400}

    await expect(retry(() => Promise.reject(flaky()), options)).rejects.toMatchObject({code: 'FLAKY'})
    expect(time.slept).toEqual([400, 400])
  })
})

describe('what a wait leaves behind', () => {
  const waits: Record<string, (work: (signal: AbortSignal) => Promise<void>) => Promise<void>> = {
    'a deadline': (work) => withDeadline('work', 60_000, never, work),
    'a deadline between pieces': (work) => withIdleDeadline('work', 60_000, never, work),
    'a stop': (work) => withStop(never, work),
  }

  it.each(Object.keys(waits))('nothing of %s: a request whose body still listens is let go', async (name) => {
    const held: WeakRef<object>[] = []
    for (let i = 0; i < 3; i++) {
      await waits[name]?.(async (signal) => {
        const request = {body: new Uint8Array(1000)}
        held.push(new WeakRef(request))
        signal.addEventListener('abort', () => request.body.fill(0))
      })
    }
    // A WeakRef holds its object until the end of the turn in which it was made.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()

    expect(held.map((one) => one.deref())).toEqual([undefined, undefined, undefined])
  })

  it('follows the signal, and not beyond its end', async () => {
    const outer = new AbortController()
    let inner: AbortSignal | undefined
    await withStop(outer.signal, async (signal) => {
      inner = signal
    })
    outer.abort(new Error('over'))
    expect(inner?.aborted).toBe(false)

    const late = withStop(outer.signal, async (signal) => signal.throwIfAborted())
    await expect(late).rejects.toThrow('over')
    const stopped = withStop(never, async (signal, stop) => {
      stop(new Error('mine'))
      signal.throwIfAborted()
    })
    await expect(stopped).rejects.toThrow('mine')
  })
})

describe('a deadline', () => {
  it('aborts the work and says what took too long', async () => {
    const work = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('vendor words'))))

    await expect(withDeadline('decoding', 5, never, work)).rejects.toMatchObject({
      code: 'DEADLINE',
      message: /decoding/,
    })
  })

  it('leaves a shutdown its own reason', async () => {
    const stop = new AbortController()
    stop.abort(new Error('shutdown'))

    await expect(withDeadline('decoding', 1000, stop.signal, async () => 1)).rejects.toThrow('shutdown')
  })
})

describe('shutdown', () => {
  it('closes in reverse order, once, and a failing closer does not keep the others open', async () => {
    const closed: string[] = []
    const shutdown = new Shutdown()
    shutdown.add('first', () => void closed.push('first'))
    shutdown.add('second', () => {
      closed.push('second')
      throw new Error('stuck')
    })
    shutdown.add('third', async () => void closed.push('third'))

    await expect(shutdown.close()).rejects.toThrow('not everything')
    await shutdown.close().catch(() => {})

    expect(closed).toEqual(['third', 'second', 'first'])
    expect(shutdown.signal.aborted).toBe(true)
  })
})

describe('the logger', () => {
  it('never writes a secret, neither by key nor inside a sentence', async () => {
    const lines: string[] = []
    const log = await createLogger({
      level: 'info',
      pretty: false,
      secretKeys: ['OPENAI_API_KEY', 'password'],
      secretValues: ['hunter2hunter2'],
      write: (line) => lines.push(line),
    })

    log
      .child({part: 'test'})
      .info({OPENAI_API_KEY: 'sk-1', wallet: {password: 'pw-1'}, url: 'https://x/?k=hunter2hunter2'}, 'hunter2hunter2')

    expect(lines.join('')).toContain('"part":"test"')
    expect(lines.join('')).not.toMatch(/sk-1|pw-1|hunter2/)
  })
})
