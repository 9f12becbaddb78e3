/** Stake in rao, as decimal text. */
export interface StakeVotes {
  /** Said pass. */
  readonly forRao: string
  /** Voted at all. */
  readonly allRao: string
}

/** Passed when more than half of the stake that voted says so; exactly half fails. Undefined without any stake. */
export function stakeVote(votes: StakeVotes | null): boolean | undefined {
  if (!votes || BigInt(votes.allRao) === 0n) return undefined
  return 2n * BigInt(votes.forRao) > BigInt(votes.allRao)
}
