import type {Store} from './open.js'

/**
 * Remembers a request signature until it would be refused for its age anyway; kept in the store so that a restart does
 * not make old ones good again. True the first time.
 */
export function claimSignature({sql}: Store, signature: string, expiresAtS: number, nowS: number): boolean {
  return sql.transaction(() => {
    sql.run(sql.q.deleteFrom('seen_signatures').where('expires_at', '<', nowS))
    return (
      sql.run(
        sql.q
          .insertInto('seen_signatures')
          .values({signature, expires_at: expiresAtS})
          .onConflict((conflict) => conflict.doNothing()),
      ) > 0
    )
  })
}
