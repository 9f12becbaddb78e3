import type {Store} from './open.js'

/** Small facts that have no table of their own. */
export function getMeta({sql}: Store, key: string): string | undefined {
  return sql.get(sql.q.selectFrom('meta').select('value').where('key', '=', key))?.value
}

export function setMeta({sql}: Store, key: string, value: string): void {
  sql.run(
    sql.q
      .insertInto('meta')
      .values({key, value})
      .onConflict((conflict) => conflict.column('key').doUpdateSet({value})),
  )
}
