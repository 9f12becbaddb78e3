import pLimit from 'p-limit'
import type {EvidenceApi, OwnerApi} from '../../api/port.js'
import type {Chain} from '../../chain/port.js'
import type {BlockNumber, Hotkey, Netuid} from '../../domain/ids.js'
import type {AuditChain, AuditSource, ChainFacts} from './source.js'

const atOnce = 8
const maxHashes = 10_000

export interface LiveOptions {
  readonly api: EvidenceApi & Pick<OwnerApi, 'latestTask'>
  readonly chain: AuditChain
  readonly objects: AuditSource['objects']
}

/** The owner's API, the public bucket and the chain, as anybody can ask them. */
export function liveSource({api, chain, objects}: LiveOptions): AuditSource {
  return {
    name: api.url,
    isLive: true,
    objects,
    chain,
    latestTask: async (signal) => (await api.latestTask(signal)) ?? 0,
    examTexts: (signal) => api.examTexts(signal),
    manifestText: (taskId, signal) => api.manifestText(taskId, signal),
    evidenceTexts: (taskId, signal) => api.evidenceTexts(taskId, signal),
    rankingText: (signal) => api.rankingText(signal),
    weightsText: (signal) => api.weightsText(signal),
  }
}

type Asked = Pick<Chain, 'network' | 'metagraph' | 'hyperparameters' | 'commitments' | 'weights' | 'blockAt'>

/** The chain as an audit asks it: one view of the subnet, and hashes of blocks, each asked for once. */
export class LiveChain implements AuditChain {
  readonly #chain: Asked
  readonly #of: {readonly netuid: Netuid; readonly mecid: number}
  readonly #hashes = new Map<BlockNumber, string>()

  constructor(chain: Asked, of: {readonly netuid: Netuid; readonly mecid: number}) {
    this.#chain = chain
    this.#of = of
  }

  async blockHash(number: BlockNumber, signal: AbortSignal): Promise<string | undefined> {
    const known = this.#hashes.get(number)
    if (known !== undefined) return known
    const hash = (await this.#chain.blockAt(number, signal))?.hash
    if (hash !== undefined) this.#hashes.set(number, hash)
    const [oldest] = this.#hashes.keys()
    if (this.#hashes.size > maxHashes && oldest !== undefined) this.#hashes.delete(oldest)
    return hash
  }

  async facts(signal: AbortSignal): Promise<ChainFacts> {
    const {netuid, mecid} = this.#of
    const chain = this.#chain
    const [{block, ownerHotkey, neurons}, {commitRevealEnabled}, commitments] = await Promise.all([
      chain.metagraph(netuid, signal),
      chain.hyperparameters(netuid, signal),
      chain.commitments(netuid, signal),
    ])
    const newest = new Map<Hotkey, BlockNumber>()
    for (const {hotkey, block: at} of commitments) newest.set(hotkey, Math.max(at, newest.get(hotkey) ?? 0))
    const limit = pLimit(atOnce)
    const weights = await Promise.all(
      neurons
        .filter(({validatorPermit, stakeRao}) => validatorPermit || stakeRao > 0n)
        .map(({uid}) =>
          limit(async () => {
            const stored = await chain.weights(netuid, mecid, uid, signal)
            return stored
              ? [{uid, uids: [...stored.uids], values: [...stored.values], lastUpdate: stored.lastUpdate}]
              : []
          }),
        ),
    )
    return {
      version: 1,
      network: chain.network,
      ...{netuid, mecid, ownerHotkey, block: {number: block.number, hash: block.hash}},
      hidesWeights: commitRevealEnabled,
      neurons: neurons.map(({uid, hotkey, stakeRao, validatorPermit, lastUpdate}) => ({
        ...{uid, hotkey, validatorPermit, lastUpdate},
        stakeRao: String(stakeRao),
      })),
      commitments: [...newest].map(([hotkey, at]) => ({hotkey, block: at})),
      weights: weights.flat(),
    }
  }
}
