import {EarlierWeights} from '../domain/fingerprint.js'
import type {StoredMiner} from '../store/miners.js'

/**
 * Marks every valid miner whose weights somebody offered before it: the same set of weight files, or files that make up
 * at least `share` of its bytes. A small file added or changed must not turn a copy into a new model, while a fine-tune
 * that keeps the encoder of its base must not become a copy: hence a share close to 1.
 *
 * An earlier miner counts even while its deployment is down, or a copy would reign whenever its original sleeps.
 */
export function markDuplicates(miners: readonly StoredMiner[], share: number): StoredMiner[] {
  const looking = copiesAmong(miners, share)
  for (let next = looking.next(); ; next = looking.next()) if (next.done) return marked(miners, next.value)
}

/** The same, with the turns of others between two miners: one may have ten thousand files to compare. */
export async function markDuplicatesInTurns(
  miners: readonly StoredMiner[],
  share: number,
  pause: () => Promise<void>,
): Promise<StoredMiner[]> {
  const looking = copiesAmong(miners, share)
  for (let next = looking.next(); ; next = looking.next()) {
    if (next.done) return marked(miners, next.value)
    await pause()
  }
}

/** Copies by hotkey, with their originals; stops after each miner that it looked at. */
function* copiesAmong(miners: readonly StoredMiner[], share: number): Generator<void, Map<string, StoredMiner>> {
  const offered = miners
    .filter(({modelHash, invalidReason}) => modelHash !== null && isStanding(invalidReason))
    .sort((a, b) => (a.block ?? 0) - (b.block ?? 0) || (a.uid ?? 0) - (b.uid ?? 0))
  const originals: StoredMiner[] = []
  const earlier = new EarlierWeights()
  const copies = new Map<string, StoredMiner>()
  for (const miner of offered) {
    const shares = earlier.sharesOf(miner.weightFiles)
    const original = originals.find(
      ({modelHash}, index) => modelHash === miner.modelHash || (shares.get(index) ?? 0) >= share,
    )
    if (original) copies.set(miner.hotkey, original)
    else {
      originals.push(miner)
      earlier.add(miner.weightFiles)
    }
    yield
  }
  return copies
}

function marked(miners: readonly StoredMiner[], copies: ReadonlyMap<string, StoredMiner>): StoredMiner[] {
  return miners.map((miner) => {
    const original = copies.get(miner.hotkey)
    if (!original || !miner.isValid) return miner
    return {...miner, isValid: false, invalidReason: `duplicate_model:earliest_uid=${original.uid}`}
  })
}

/** Valid, or without a deployment just now. Other reasons void the offer itself. */
const isStanding = (reason: string | null) =>
  reason === null || reason.startsWith('chute_') || reason === 'hf_model_fetch_failed'
