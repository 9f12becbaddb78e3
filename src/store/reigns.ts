import type {BlockNumber, Hotkey, TaskId} from '../domain/ids.js'
import {type Ranking, winnerOf} from '../domain/ranking.js'
import type {Store} from './open.js'
import type {Sql} from './sql.js'

/** From when on somebody, or nobody, was to get the emission. Rankings are kept for hours, this for good. */
export interface Reign {
  /** Null while nobody was. */
  readonly hotkey: Hotkey | null
  readonly decision: Ranking['decision']
  readonly block: BlockNumber
  /** Newest settled task at that time; 0 when none had. */
  readonly taskId: TaskId | 0
  readonly at: number
}

/** Writes a line when a ranking says something else than the one before. Called where the ranking is saved. */
export function noteReign(sql: Sql, ranking: Ranking, at: number): void {
  const hotkey = winnerOf(ranking)?.hotkey ?? null
  const last = newest(sql, ranking.mechanism, 1)[0]
  if (last && last.hotkey === hotkey && last.decision === ranking.decision) return
  sql.run(
    sql.q.insertInto('reigns').values({
      mechanism: ranking.mechanism,
      hotkey,
      decision: ranking.decision,
      block: ranking.block,
      task_id: ranking.window.at(-1) ?? 0,
      at,
    }),
  )
}

/** Newest first. */
export function listReigns({sql}: Store, mechanism: string, limit: number): Reign[] {
  return newest(sql, mechanism, limit).map((row) => ({
    hotkey: row.hotkey as Hotkey | null, // Both come from a ranking.
    decision: row.decision as Reign['decision'],
    block: row.block,
    taskId: row.task_id,
    at: row.at,
  }))
}

function newest(sql: Sql, mechanism: string, limit: number) {
  return sql.all(
    sql.q.selectFrom('reigns').selectAll().where('mechanism', '=', mechanism).orderBy('id', 'desc').limit(limit),
  )
}
