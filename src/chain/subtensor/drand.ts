/**
 * The beacon that subtensor opens hidden texts with: drand quicknet, chain
 * 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971, scheme bls-unchained-g1-rfc9380.
 */
export const quicknet = {
  publicKey:
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
  /** Milliseconds since 1970 at which round 1 was published. */
  genesisMs: 1_692_803_367_000,
  periodMs: 3000,
} as const

/** The newest round that is published at a time in milliseconds since 1970. */
export function roundAt(timeMs: number): number {
  return Math.max(1, Math.floor((timeMs - quicknet.genesisMs) / quicknet.periodMs) + 1)
}

/** When a round is published, in milliseconds since 1970. */
export function timeOfRound(round: number): number {
  return quicknet.genesisMs + (round - 1) * quicknet.periodMs
}
