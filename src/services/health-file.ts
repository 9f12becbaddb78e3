import {mkdir, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import type {Health, JobHealth} from '../runtime/health.js'
import type {Service} from '../runtime/service.js'

export interface HealthFileOptions {
  readonly health: Health
  readonly file: string
}

const everyMs = 15_000

/** The health of a process that listens nowhere, as a file that Prometheus' node exporter collects and a person can read. */
export function healthFileService({health, file}: HealthFileOptions): Service {
  return {
    name: 'health file',
    start: (clock) => {
      clock.every('health-file', {ms: everyMs}, async () => {
        await mkdir(path.dirname(file), {recursive: true})
        // Whole or not at all: it may be read at any time.
        await writeFile(`${file}.tmp`, healthText(health.report()))
        await rename(`${file}.tmp`, file)
      })
    },
  }
}

/** In the text format of Prometheus, under the names that `/metrics` of the owner's API has. */
export function healthText(jobs: readonly JobHealth[]): string {
  const metric = (name: string, type: 'gauge' | 'counter', help: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines.map((line) => name + line)]
  return [
    ...metric(
      'leoma_job_last_success_timestamp_seconds',
      'gauge',
      'when each background job last succeeded',
      jobs.flatMap(({job, lastSuccessAt}) =>
        lastSuccessAt === null ? [] : [`{job="${job}"} ${lastSuccessAt / 1000}`],
      ),
    ),
    ...metric(
      'leoma_job_consecutive_failures',
      'gauge',
      'failures of each background job since its last success',
      jobs.map(({job, consecutiveFailures}) => `{job="${job}"} ${consecutiveFailures}`),
    ),
    ...metric(
      'leoma_job_outcomes_total',
      'counter',
      'what each background job came to, such as weights set or the code of why not',
      jobs.flatMap(({job, outcomes}) =>
        Object.entries(outcomes).map(([outcome, times]) => `{job="${job}",outcome="${outcome}"} ${times}`),
      ),
    ),
    '',
  ].join('\n')
}
