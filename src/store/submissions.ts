import type {Hotkey} from '../domain/ids.js'
import {SubmissionProof} from '../domain/submission-proof.js'
import type {Store} from './open.js'
import type {Entry} from './submission-port.js'

export interface StoredSubmission extends Entry {
  /** Equal for two that offer the same thing. */
  readonly identity: string
  /** False once another one took its place. */
  readonly isCurrent: boolean
  /** The request it came by; null on the chain, which proves itself, and for one that was signed in the published form. */
  readonly proof: SubmissionProof | null
}

export interface Claim {
  readonly hotkey: Hotkey
  readonly block: number
}

type Row = {
  hotkey: string
  text: string
  identity: string
  block: number
  at: number
  source: 'api' | 'chain'
  is_current: number
  proof: string | null
}

const toSubmission = ({is_current, hotkey, proof, ...row}: Row): StoredSubmission => ({
  ...row,
  proof: proof === null ? null : SubmissionProof.parse(JSON.parse(proof)),
  hotkey: hotkey as Hotkey, // Checked when stored.
  isCurrent: is_current === 1,
})

/** Takes the place of the hotkey's submission in force, which stays in its history. */
export function putSubmission(
  {sql, changes}: Store,
  mechanism: string,
  {hotkey, text, identity, block, at, source, proof}: Omit<StoredSubmission, 'isCurrent'>,
): void {
  sql.transaction(() => {
    changes.bump('submissions')
    sql.run(
      sql.q
        .updateTable('submissions')
        .set({is_current: 0})
        .where('mechanism', '=', mechanism)
        .where('hotkey', '=', hotkey)
        .where('is_current', '=', 1),
    )
    sql.run(
      sql.q.insertInto('submissions').values({
        ...{mechanism, hotkey, text, identity, block, at, source, is_current: 1},
        proof: proof && JSON.stringify(proof),
      }),
    )
  })
}

/** Of the submission in force, which had none. */
export function proveSubmission(
  {sql, changes}: Store,
  mechanism: string,
  hotkey: string,
  proof: SubmissionProof,
): void {
  changes.bump('submissions')
  sql.run(
    sql.q
      .updateTable('submissions')
      .set({proof: JSON.stringify(proof)})
      .where('mechanism', '=', mechanism)
      .where('hotkey', '=', hotkey)
      .where('is_current', '=', 1),
  )
}

export function findSubmission({sql}: Store, mechanism: string, hotkey: string): StoredSubmission | undefined {
  const row = sql.get(
    sql.q
      .selectFrom('submissions')
      .selectAll()
      .where('mechanism', '=', mechanism)
      .where('hotkey', '=', hotkey)
      .where('is_current', '=', 1),
  )
  return row && toSubmission(row)
}

/** Those in force, the oldest first. */
export function listSubmissions({sql}: Store, mechanism: string): StoredSubmission[] {
  return sql
    .all(
      sql.q
        .selectFrom('submissions')
        .selectAll()
        .where('mechanism', '=', mechanism)
        .where('is_current', '=', 1)
        .orderBy('at')
        .orderBy('hotkey'),
    )
    .map(toSubmission)
}

/** Of one hotkey, the newest first. */
export function submissionHistory({sql}: Store, mechanism: string, hotkey: string, limit: number): StoredSubmission[] {
  return sql
    .all(
      sql.q
        .selectFrom('submissions')
        .selectAll()
        .where('mechanism', '=', mechanism)
        .where('hotkey', '=', hotkey)
        .orderBy('id', 'desc')
        .limit(limit),
    )
    .map(toSubmission)
}

/** Who offered this first, and when each hotkey did: claims do not end when a submission is replaced. */
export function claimsOf({sql}: Store, mechanism: string, identity: string): Claim[] {
  return sql
    .all(
      sql.q
        .selectFrom('submissions')
        .select(({fn}) => ['hotkey', fn.min('block').as('block')])
        .where('mechanism', '=', mechanism)
        .where('identity', '=', identity)
        .groupBy('hotkey')
        .orderBy('block')
        .orderBy('hotkey'),
    )
    .map(({hotkey, block}) => ({hotkey: hotkey as Hotkey, block})) // Checked when stored.
}

/**
 * Takes the owner's word for who claimed something first: its history is longer than ours. A claim that is known here
 * stays, so that an owner cannot take an image from one miner and give it to another later.
 */
export function noteClaim(
  {sql}: Store,
  mechanism: string,
  {hotkey, identity, text, block, at}: Omit<StoredSubmission, 'isCurrent' | 'source' | 'proof'>,
): void {
  const known = sql.get(
    sql.q
      .selectFrom('submissions')
      .select('id')
      .where('mechanism', '=', mechanism)
      .where('identity', '=', identity)
      .where('hotkey', '=', hotkey)
      .limit(1),
  )
  if (known) return
  sql.run(
    sql.q
      .insertInto('submissions')
      .values({mechanism, hotkey, text, identity, block, at, source: 'api', is_current: 0}),
  )
}
