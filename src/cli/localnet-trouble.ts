import {counted} from '../domain/plain-words.js'
import type {Trouble} from '../services/localnet/events.js'

const jobs: Readonly<Record<string, string>> = {
  sampling: 'making tasks',
  evaluation: 'judging outputs',
  'executor-rounds': 'running images',
  'miner-validation': 'checking miners',
  'metagraph-sync': 'reading the chain',
}

const jobWords = (job: string): string => jobs[job] ?? job.replaceAll('-', ' ')

/** So many failures in a row are told as what they mean for the rounds that somebody waits for. */
const manyFailures = 3

/** Which part fails, since when, why, and what to do, for a person; the first line is the news. */
export function troubleLines(
  {part, job, since, forMs, failures, reason, hints}: Trouble,
  {rounds, settled}: {readonly rounds: number | undefined; readonly settled: number},
): string[] {
  const what = `${part}: ${jobWords(job)}`
  if (failures === 0) return [`… ${what} has taken ${seconds(forMs)} so far; ${reason}`]
  const tries = `${counted(failures, 'try', 'tries')} in ${seconds(forMs)}`
  const lines = [`✗ ${what} fails since ${new Date(since).toTimeString().slice(0, 8)} (${tries}): ${reason}`]
  if (hints.length > 0) lines.push(`  what to do: ${hints.join('; or ')}`)
  if (job === 'sampling' && failures >= manyFailures) {
    const which = rounds === undefined ? 'no further round' : `round ${settled + 1} of ${rounds}`
    lines.push(`  ${which} cannot be held while this lasts; it goes on trying, and Ctrl-C stops it`)
  }
  return lines
}

export const recoveredLine = (part: string, job: string, afterMs: number): string =>
  `✓ ${part}: ${jobWords(job)} goes on, after ${seconds(afterMs)}`

/** True when a trouble that is told in lines has come to something new: another reason, or many more failures. */
export function isNews(trouble: Trouble, told: Trouble | undefined): boolean {
  if (!told || told.reason !== trouble.reason) return true
  const milestone = (failures: number) =>
    failures < manyFailures ? Math.min(failures, 1) : 1 + Math.ceil(Math.log10(failures / manyFailures + 1) * 2)
  return milestone(trouble.failures) > milestone(told.failures)
}

function seconds(ms: number): string {
  const whole = Math.round(ms / 1000)
  return whole < 120 ? `${whole} s` : `${Math.round(whole / 60)} min`
}
