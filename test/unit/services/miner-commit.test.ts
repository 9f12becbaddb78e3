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
function chainOf(maxTextBytes: number, texts: readonly string[] = []): Chain {
  const commitments: Commitment[] = texts.map((text, index) => ({hotkey, text, block: 10 + index}))
  const allowance: CommitAllowance = {
    isPlain: true,
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
