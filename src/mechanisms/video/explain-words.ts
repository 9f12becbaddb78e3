import type {Standing} from './rules.js'

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
export const nameOf = ({miner, hotkey}: Standing): string => (miner ? `uid ${miner.uid}` : `${hotkey.slice(0, 8)}…`)
export const recordOf = ({passed, counted}: Standing): string => `${passed} of ${counted}`
export const since = ({block}: Standing): string =>
  block === null ? 'with no known block' : `committed at block ${block}`
