import type {TaskId} from '../../domain/ids.js'
import type {SettledTask} from '../../domain/verdict.js'
import {integrityFindings} from '../integrity/integrity.js'
import type {Findings} from './findings.js'

const check = 'signs of copying'
/** Tasks that are named; the figures count all of them. */
const named = 5

/** Signs of copying and collusion as warnings: none of them is a proof, and none moves a weight. `tasks` ascend. */
export async function checkIntegrity(
  tasks: readonly SettledTask[],
  findings: Findings,
  pause: () => Promise<void>,
): Promise<void> {
  if (tasks.length === 0) return
  findings.looked(check, tasks.length)
  for (const {code, subjects, tasks: where, numbers, sentence} of await integrityFindings(tasks, pause)) {
    const figures = Object.entries(numbers).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    findings.warning(check, {
      code: code.toUpperCase(),
      object: `${subjects.slice(0, 2).join(' and ')}, ${inTasks(where)}`,
      who: subjects[0] ?? null,
      found: `${sentence} (${figures.join(', ')})`,
      remedy: 'a sign and no proof: look at what these tasks were answered and judged with',
      task: where.at(-1) ?? null,
    })
  }
}

function inTasks(ids: readonly TaskId[]): string {
  const rest = ids.length > named ? ` and ${ids.length - named} more` : ''
  return `${ids.length === 1 ? 'task' : 'tasks'} ${ids.slice(0, named).join(', ')}${rest}`
}
