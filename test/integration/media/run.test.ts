import {randomUUID} from 'node:crypto'
import {chmod, writeFile} from 'node:fs/promises'
import {setTimeout as delay} from 'node:timers/promises'
import {describe, expect, it} from 'vitest'
import {LeomaError} from '../../../src/errors.js'
import {lazyFfmpeg} from '../../../src/media/resolve.js'
import {createRunner} from '../../../src/media/run.js'
import {never, processesWith, run, useFolder} from './videos.js'

/** A run without end, recognisable by its mark. */
const endless = (mark: string) => [
  ...['-re', '-f', 'lavfi', '-i', 'testsrc2=s=64x64:r=10', '-metadata', `comment=${mark}`, '-f', 'null', 'pipe:1'],
]

async function seen(mark: string, wanted: boolean): Promise<void> {
  while ((await processesWith(mark)).length > 0 !== wanted) await delay(10)
}

describe('a child of the runner', () => {
  const file = useFolder()

  it.runIf(process.platform === 'linux')('is gone when the call has been aborted', async () => {
    const mark = randomUUID()
    const stop = new AbortController()
    const running = run(endless(mark), {signal: stop.signal, what: 'endless'})
    const outcome = running.catch((error: unknown) => error)
    await seen(mark, true)

    const reason = new Error('the service stops')
    stop.abort(reason)

    expect(await outcome).toBe(reason)
    expect(await processesWith(mark)).toEqual([])
  })

  it.runIf(process.platform === 'linux')('is gone when its deadline has passed', async () => {
    const mark = randomUUID()

    const running = run(endless(mark), {signal: never, what: 'endless', timeoutMs: 300})

    await expect(running).rejects.toMatchObject({kind: 'upstream', code: 'DEADLINE'})
    expect(await processesWith(mark)).toEqual([])
  })

  it.runIf(process.platform === 'linux')('is gone when it writes more than it may', async () => {
    const mark = randomUUID()
    const flood = [
      '-f',
      'lavfi',
      '-i',
      'testsrc2=s=320x240',
      '-metadata',
      `comment=${mark}`,
      '-f',
      'rawvideo',
      'pipe:1',
    ]

    const running = run(flood, {signal: never, what: 'a flood', maxOutputBytes: 1_000_000})

    await expect(running).rejects.toMatchObject({code: 'MEDIA_FAILED', message: expect.stringContaining('1000000')})
    expect(await processesWith(mark)).toEqual([])
  })

  it('is not started at all under an aborted signal', async () => {
    const running = run(['-version'], {signal: AbortSignal.abort(new Error('over')), what: 'nothing'})

    await expect(running).rejects.toThrow('over')
  })

  it('gets no secrets: its environment is empty but for the locale', async () => {
    await writeFile(file('env'), '#!/bin/sh\n/usr/bin/env\n')
    await chmod(file('env'), 0o755)
    const environment = createRunner({ffmpeg: file('env')})
    process.env.LEOMA_TEST_SECRET = 'hush'

    const said = Buffer.from(await environment([], {signal: never, what: 'env'})).toString()
    delete process.env.LEOMA_TEST_SECRET

    expect(said).toContain('LC_ALL=C')
    expect(said).not.toContain('hush')
  })
})

describe('a failing run says whose fault it was', () => {
  const file = useFolder()

  it('the input', async () => {
    const reading = run(['-f', 'avi', '-i', file('none.avi'), '-f', 'null', '-'], {signal: never, what: 'reading'})

    await expect(reading).rejects.toMatchObject({kind: 'data', code: 'VIDEO_UNREADABLE'})
  })

  it('the arguments', async () => {
    const drawing = ['-f', 'lavfi', '-i', 'color', '-vf', 'nosuchfilter', '-f', 'null', '-']

    await expect(run(drawing, {signal: never, what: 'drawing'})).rejects.toMatchObject({code: 'MEDIA_FAILED'})
    const blamed = run(['-i', 'x'], {signal: never, what: 'making', blame: 'program'})
    await expect(blamed).rejects.toMatchObject({code: 'MEDIA_FAILED'})
  })

  it('a program that is not there', async () => {
    const broken = createRunner({ffmpeg: file('no-ffmpeg')})

    await expect(broken([], {signal: never, what: 'x'})).rejects.toMatchObject({kind: 'upstream', code: 'MEDIA_FAILED'})
  })

  it('a search that failed is made again by the next run', async () => {
    let tries = 0
    const find = lazyFfmpeg({})
    const flaky = createRunner({
      ffmpeg: async (signal) => {
        if (++tries === 1) throw new LeomaError('config', 'FFMPEG_MISSING', 'not yet')
        return find(signal)
      },
    })

    await expect(flaky(['-version'], {signal: never, what: 'x'})).rejects.toMatchObject({code: 'FFMPEG_MISSING'})
    expect(Buffer.from(await flaky(['-version'], {signal: never, what: 'x'})).toString()).toContain('ffmpeg version')
    await flaky(['-version'], {signal: never, what: 'x'})
    expect(tries).toBe(2)
  })

  it('in few printable words', async () => {
    const nonsense = ['-f', 'lavfi', '-i', `color=c=${'\u0007é'.repeat(2000)}`, '-f', 'null', '-']

    const error = (await run(nonsense, {signal: never, what: 'x'}).catch((thrown: unknown) => thrown)) as Error

    expect(error.message.length).toBeLessThan(600)
    expect(error.message).toMatch(/^[\x20-\x7e]+$/)
  })
})
