import {describe, expect, it} from 'vitest'
import {currentEpoch, firstRevealBlock, nextEpochBlock} from '../../../../src/chain/subtensor/scheduler.js'

describe('epochs that follow from the block number', () => {
  // Seen on finney: subnet 1, tempo 99, the last epoch fired in block 6,852,597.
  const state = {netuid: 1, tempo: 99}

  it('begin in the block after the one that fires', () => {
    expect(currentEpoch(state, 6_852_598) - currentEpoch(state, 6_852_597)).toBe(1)
    expect(nextEpochBlock(state, 6_852_597)).toBe(6_852_598)
    expect(nextEpochBlock(state, 6_852_598)).toBe(6_852_698)
  })

  it('open hidden weights in the first block of the epoch after so many', () => {
    expect(firstRevealBlock(state, 6_852_690, 1)).toBe(6_852_698)
    expect(firstRevealBlock(state, 6_852_690, 3)).toBe(6_852_898)
    expect(firstRevealBlock(state, 6_852_698, 1)).toBe(6_852_798)
  })

  it('never come with tempo 0', () => {
    expect(nextEpochBlock({netuid: 1, tempo: 0}, 5)).toBeUndefined()
    expect(firstRevealBlock({netuid: 1, tempo: 0}, 5, 1)).toBeUndefined()
  })
})

describe('epochs that the chain counts', () => {
  const state = (pendingAt = 0) => ({netuid: 1, tempo: 100, counted: {index: 7, lastEpochBlock: 1000, pendingAt}})

  it('come a tempo after the last one', () => {
    expect(currentEpoch(state(), 1050)).toBe(7)
    expect(nextEpochBlock(state(), 1050)).toBe(1100)
    expect(firstRevealBlock(state(), 1050, 1)).toBe(1100)
    expect(firstRevealBlock(state(), 1050, 2)).toBe(1200)
  })

  it('come earlier when the owner has asked for one', () => {
    expect(nextEpochBlock(state(1060), 1050)).toBe(1060)
    expect(nextEpochBlock(state(1040), 1050)).toBe(1100)
  })

  it('are still to come when they are late', () => {
    expect(nextEpochBlock(state(), 1105)).toBe(1106)
  })
})
