import {defaults, type VideoParams} from '../../mechanisms/video/params.js'

/** Local answers have 5 MB at most; a body without end is noticed here within a second, on a busy machine too. */
const maxBytes = 16_000_000

/** What one answer may take: every miner of the cast shares this machine's processors with the others. */
export const requestDeadlineMs = 12_000

/**
 * The published subnet's exam with small numbers: tasks every few seconds, a ranking from the first task on. What makes
 * a verdict (gates, judge, thresholds) is the same.
 */
export function localnetParams(blockTimeMs: number, judge = defaults.judge): VideoParams {
  const blocks = (ms: number) => Math.max(1, Math.round(ms / blockTimeMs))
  return {
    ...defaults,
    everyBlocks: blocks(5_000),
    clip: {...defaults.clip, minSourceBytes: 10_000, restTasks: 10},
    judge,
    request: {...defaults.request, deadlineMs: requestDeadlineMs, maxBytes},
    // Settling normally happens when every voter has judged; the limit is for a validator that has gone.
    ranking: {...defaults.ranking, minTasks: 1, settleBlocks: blocks(300_000)},
  }
}
