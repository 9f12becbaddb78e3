import type {Hotkey} from '../domain/ids.js'
import type {Store} from './open.js'

export interface BlacklistEntry {
  readonly hotkey: Hotkey
  readonly reason: string | null
  readonly addedBy: string | null
  readonly createdAt: number
}

/** By hotkey. */
export function listBlacklist({sql}: Store): BlacklistEntry[] {
  return sql.all(sql.q.selectFrom('blacklist').selectAll().orderBy('hotkey')).map(toEntry)
}

export function findBlacklisted({sql}: Store, hotkey: string): BlacklistEntry | undefined {
  const row = sql.get(sql.q.selectFrom('blacklist').selectAll().where('hotkey', '=', hotkey))
  return row && toEntry(row)
}

/** Adding again replaces reason and author; the time stays that of the first. */
export function addToBlacklist(
  {sql, changes}: Store,
  {hotkey, reason, addedBy}: {hotkey: Hotkey; reason: string | null; addedBy: string | null},
  at: number,
): BlacklistEntry {
  changes.bump('blacklist')
  const row = sql.get(
    sql.q
      .insertInto('blacklist')
      .values({hotkey, reason, added_by: addedBy, created_at: at})
      .onConflict((conflict) => conflict.column('hotkey').doUpdateSet({reason, added_by: addedBy}))
      .returningAll(),
  )
  if (!row) throw new Error('an inserted entry came back empty')
  return toEntry(row)
}

/** False when it was not there. */
export function removeFromBlacklist({sql, changes}: Store, hotkey: string): boolean {
  changes.bump('blacklist')
  return sql.run(sql.q.deleteFrom('blacklist').where('hotkey', '=', hotkey)) > 0
}

function toEntry(row: {
  hotkey: string
  reason: string | null
  added_by: string | null
  created_at: number
}): BlacklistEntry {
  return {
    hotkey: row.hotkey as Hotkey, // Checked when stored.
    reason: row.reason,
    addedBy: row.added_by,
    createdAt: row.created_at,
  }
}
