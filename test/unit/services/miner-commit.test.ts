import {beforeAll, describe, expect, it} from 'vitest'
import type {Chain, CommitAllowance, Commitment} from '../../../src/chain/port.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {planCommit} from '../../../src/services/miner-commit.js'
import {createSigner, walletReady} from '../../../src/wallet/keypair.js'

const {signal} = new AbortController()
const netuid = 99
let hotkey: Hotkey

beforeAll(async () => {
  await walletReady()
  hotkey = createSigner({uri: '//Miner'}).hotkey
})

/** A chain that holds so many bytes in the open, as runtimes without timelocked commitments do. */
function chainOf(
  maxTextBytes: number,
  texts: readonly string[] = [],
  {isPlain = true, open = 0}: {readonly isPlain?: boolean; readonly open?: number} = {},
): Chain {
  const commitments = texts.map((text, index): Commitment => {
    const commitment = {hotkey, text, block: 10 + index}
    return index >= texts.length - open ? {...commitment, isOpen: true} : commitment
  })
  const allowance: CommitAllowance = {
    isPlain,
    maxTextBytes,
    cost: (bytes) => bytes,
    bytesLeft: undefined,
    notBefore: undefined,
  }
  const neuron = {uid: 3, hotkey, coldkey: hotkey, stakeRao: 0n, validatorPermit: false, lastUpdate: 0}
  const chain: Pick<Chain, 'network' | 'metagraph' | 'commitments' | 'commitAllowance'> = {
    network: 'small',
    metagraph: async () => ({
      netuid,
      ownerHotkey: null,
      block: {number: 20, hash: '0x00'},
      neurons: [{...neuron, registeredAtBlock: 1}],
    }),
    commitments: async () => commitments,
    commitAllowance: async () => allowance,
  }
  // A plan asks for nothing else.
  return chain as Chain
}

const submission = () => ({
  modelName: `alice/leoma-${hotkey}`,
  modelRevision: 'ab'.repeat(20),
  chuteId: '8f14e45f-ceea-467f-a0e6-5c1f4d7a9b3c',
})

describe('the form of a commitment', () => {
  it('is the published one wherever that fits', async () => {
    const plan = await planCommit(chainOf(512), netuid, hotkey, submission(), signal)

    expect(plan).toMatchObject({form: 'json', maxTextBytes: 512, text: expect.stringMatching(/^\{"model_name": /)})
  })

  it('is the short one where only that fits', async () => {
    const plan = await planCommit(chainOf(128), netuid, hotkey, submission(), signal)

    expect(plan).toMatchObject({
      form: 'short',
      maxTextBytes: 128,
      text: expect.stringMatching(/^leoma:1:alice\/leoma-~:/),
    })
  })

  it('is the one that was asked for, or none', async () => {
    const short = await planCommit(chainOf(512), netuid, hotkey, submission(), signal, {form: 'short'})
    const json = planCommit(chainOf(128), netuid, hotkey, submission(), signal, {form: 'json'})

    expect(short.form).toBe('short')
    await expect(json).rejects.toMatchObject({
      code: 'SUBMISSION_INVALID',
      message: expect.stringMatching(/^the commitment has \d+ bytes in form json; the chain takes 128$/),
      hints: expect.arrayContaining([expect.stringContaining('leave --form out')]),
    })
  })

  it('cannot make every name fit', async () => {
    const long = {...submission(), modelName: `${'u'.repeat(60)}/leoma-${'m'.repeat(30)}${hotkey}`}

    await expect(planCommit(chainOf(128), netuid, hotkey, long, signal)).rejects.toMatchObject({
      code: 'SUBMISSION_INVALID',
      message: expect.stringMatching(/in form json, \d+ bytes in form short; the chain takes 128/),
    })
  })

  it('does not matter for what is committed already', async () => {
    const {text} = await planCommit(chainOf(128), netuid, hotkey, submission(), signal)

    await expect(planCommit(chainOf(512, [text]), netuid, hotkey, submission(), signal)).rejects.toMatchObject({
      code: 'COMMIT_UNCHANGED',
    })
  })
})

describe('the number of commitments in a life', () => {
  const plan = (revealed: number, open: number, isPlain: boolean) => {
    const texts = Array.from({length: revealed + open}, (_, index) => `{"model_name": "earlier ${index}"}`)
    return planCommit(chainOf(512, texts, {isPlain, open}), netuid, hotkey, submission(), signal)
  }

  it('is two that were revealed', async () => {
    expect(await plan(0, 0, false)).toMatchObject({hidden: true, left: 1})
    expect(await plan(1, 0, false)).toMatchObject({hidden: true, left: 0})
    await expect(plan(2, 0, false)).rejects.toMatchObject({kind: 'usage', code: 'COMMITS_USED_UP'})
  })

  it('does not shrink with an open one, which the next one replaces, hidden or open', async () => {
    expect(await plan(0, 1, false)).toMatchObject({left: 1, replaces: {text: '{"model_name": "earlier 0"}'}})
    expect(await plan(1, 1, false)).toMatchObject({left: 0})
    expect(await plan(1, 1, true)).toMatchObject({hidden: false, left: 1})
    await expect(plan(2, 1, false)).rejects.toMatchObject({
      code: 'COMMITS_USED_UP',
      message: expect.stringContaining('committed 2 times'),
    })
  })

  it('counts an open one while it stands: none fits beside two that were revealed', async () => {
    await expect(plan(2, 0, true)).rejects.toMatchObject({code: 'COMMITS_USED_UP'})
  })
})
