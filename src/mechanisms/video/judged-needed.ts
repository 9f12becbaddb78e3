import type {VideoParams} from './params.js'
import type {Tally} from './tally.js'

/** The published comparison: 80 of 100 counts, 79 does not. */
const rounding = 1e-12

/**
 * Tasks that it must be judged or charged in. Under the rule of the proven lead a newcomer's are counted since it came,
 * because it wins by proof alone; under the published rule it may win by a lucky dozen, and has to sit through the window.
 */
export function judgedNeeded(
  {present}: Pick<Tally, 'present'>,
  tasks: number,
  {ranking}: Pick<VideoParams, 'ranking'>,
): number {
  const {completeness, minTasks} = ranking
  const share = (of: number) => Math.ceil(completeness * of - rounding)
  return isProven(ranking) ? Math.max(Math.min(minTasks, tasks), share(present)) : share(tasks)
}

export const isProven = ({rule}: VideoParams['ranking']) => rule === 'dominance-2'
