import type {Hotkey, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Store} from '../store/open.js'
import {findValidator, listValidators, pinValidator, type StoredValidator, unpinValidator} from '../store/validators.js'

/** A validator as the owner sees it; stakes as text, because JSON has no 64-bit integers. */
export interface ValidatorRow {
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly stakeRao: string
  /** The same in alpha, with nine decimals at most. */
  readonly stake: string
  /** Added by hand: stays whatever the chain says. */
  readonly isPinned: boolean
  /** The chain says that it has stake and permit enough. */
  readonly qualifies: boolean
  /** ISO 8601; null before its first accepted request. */
  readonly lastActiveAt: string | null
}

export function listValidatorRows(store: Store): ValidatorRow[] {
  return listValidators(store)
    .map(toRow)
    .sort((a, b) => a.uid - b.uid)
}

/** Adds a validator by hand, or changes what was added by hand. Without a stake the chain's counts. */
export function addValidator(
  store: Store,
  validator: {readonly uid: Uid; readonly hotkey: Hotkey; readonly stakeRao: bigint | undefined},
  at: number,
): ValidatorRow {
  const other = listValidators(store).find(({uid, hotkey}) => uid === validator.uid && hotkey !== validator.hotkey)
  if (other?.pinned) {
    throw new LeomaError('usage', 'UID_TAKEN', `uid ${other.uid} belongs to ${other.hotkey}, which was added by hand`, {
      hints: [`leoma db remove-validator --hotkey ${other.hotkey}`, 'check the uid: leoma db list-validators'],
    })
  }
  return toRow(pinValidator(store, validator, at))
}

/** Takes back what was added by hand. The validator stays when the chain says that it qualifies. */
export function removeValidator(store: Store, hotkey: Hotkey, at: number): {hotkey: Hotkey; stays: boolean} {
  const known = findValidator(store, hotkey)
  if (!known?.pinned) {
    const message = known
      ? `${hotkey} was not added by hand: the chain put it there`
      : `no validator ${hotkey} is known`
    throw new LeomaError('usage', 'VALIDATOR_NOT_PINNED', message, {hints: ['leoma db list-validators']})
  }
  unpinValidator(store, hotkey, at)
  return {hotkey, stays: findValidator(store, hotkey) !== undefined}
}

function toRow({uid, hotkey, stakeRao, pinned, qualifies, lastActiveAt}: StoredValidator): ValidatorRow {
  return {
    uid,
    hotkey,
    stakeRao: String(stakeRao),
    stake: alphaText(stakeRao),
    isPinned: pinned,
    qualifies,
    lastActiveAt: lastActiveAt === null ? null : new Date(lastActiveAt).toISOString(),
  }
}

function alphaText(rao: bigint): string {
  const fraction = String(rao % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '')
  return `${rao / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`
}
