import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {expect, it} from 'vitest'
import {type Clock, SystemClock} from '../../../src/runtime/clock.js'
import {Health} from '../../../src/runtime/health.js'
import {silentLogger} from '../../../src/runtime/logger.js'
import {healthFileService, healthText} from '../../../src/services/health-file.js'
import {tempFolder} from '../../helpers/temp-folder.js'

function someHealth(): Health {
  const health = new Health()
  health.expect('weights-video')
  health.outcome('weights-video', 'WEIGHTS_TOO_SOON')
  health.outcome('weights-video', 'set')
  health.outcome('weights-video', 'set')
  health.succeeded('weights-video', 1_700_000_000_500)
  health.failed('weights-video', new Error('no'), 3_000)
  return health
}

it('tells in the words of Prometheus when each job succeeded, how often it failed, and what it came to', () => {
  expect(
    healthText(someHealth().report())
      .split('\n')
      .filter((line) => !line.startsWith('#')),
  ).toEqual([
    'leoma_job_last_success_timestamp_seconds{job="weights-video"} 1700000000.5',
    'leoma_job_consecutive_failures{job="weights-video"} 1',
    'leoma_job_outcomes_total{job="weights-video",outcome="WEIGHTS_TOO_SOON"} 1',
    'leoma_job_outcomes_total{job="weights-video",outcome="set"} 2',
    '',
  ])
})

it('is a file as soon as the services run, and counts itself among the jobs', async () => {
  const health = someHealth()
  const file = path.join(tempFolder(), 'health', 'validator.prom')
  const clock: Clock = new SystemClock({health, log: silentLogger()})
  const stop = new AbortController()
  const written = new Promise<void>((done) => {
    const before = health.succeeded.bind(health)
    health.succeeded = (job, at) => {
      before(job, at)
      if (job === 'health-file') done()
    }
  })

  healthFileService({health, file}).start(clock)
  const ended = clock.start(stop.signal)
  await written
  stop.abort()
  await ended

  expect(await readFile(file, 'utf8')).toContain('leoma_job_outcomes_total{job="weights-video",outcome="set"} 2\n')
})
