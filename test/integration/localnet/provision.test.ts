import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, expect, test} from 'vitest'
import {LocalChain} from '../../../src/chain/local.js'
import {parseModelCommitment} from '../../../src/domain/commitment.js'
import {compareText} from '../../../src/domain/ids.js'
import {cast} from '../../../src/mechanisms/video/cast.js'
import {LocalModels} from '../../../src/models/local.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {type ProvisionOptions, provision, registerModels} from '../../../src/services/localnet/provision.js'
import {verify} from '../../../src/wallet/keypair.js'

const {signal} = new AbortController()
let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'leoma-provision-'))
})
afterEach(() => rm(dataDir, {recursive: true, force: true}))

function run(overrides: Partial<ProvisionOptions> = {}) {
  return provision({
    ...{dataDir, netuid: 99, profiles: cast, chosen: cast, validators: 2, blockTimeMs: 100, verify, signal},
    time: systemTime(),
    ...overrides,
  })
}

async function onChain<T>(look: (chain: LocalChain) => Promise<T>): Promise<T> {
  const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify})
  try {
    return await look(chain)
  } finally {
    await chain.close()
  }
}

test('the owner is uid 0, validators have permits, and every miner is registered in the order of the cast', async () => {
  const {wallets, validators, cast: members} = await run()

  const {neurons, ownerHotkey} = await onChain((chain) => chain.metagraph(99, signal))

  expect(ownerHotkey).toBe(wallets.owner.hotkey)
  expect(neurons[0]?.hotkey).toBe(wallets.owner.hotkey)
  expect(validators.map(({uid}) => [uid, neurons[uid]?.validatorPermit])).toEqual([
    [1, true],
    [2, true],
  ])
  expect(members.map(({profile}) => profile)).toEqual(cast.map(({name}) => name))
  expect(members.map(({uid}) => uid)).toEqual(cast.map((_, index) => index + 3))
  expect(members.every(({uid}) => neurons[uid]?.validatorPermit === false)).toBe(true)
})

test('addresses ascend with the cast, because the rules break ties by address', async () => {
  const {cast: members} = await run()
  const hotkeys = members.map(({hotkey}) => hotkey)

  expect(hotkeys).toEqual([...hotkeys].sort(compareText))
})

test('a second run right after the first changes no key, no uid and no commitment', async () => {
  const first = await run()

  const second = await run({blockTimeMs: undefined})

  expect(second.cast).toEqual(first.cast)
  expect(second.wallets.owner.hotkey).toBe(first.wallets.owner.hotkey)
  expect(second.blockTimeMs).toBe(100)
  // The chain lists every commitment of a hotkey, not only the last.
  expect(await onChain((chain) => revealed(chain, cast.length))).toHaveLength(cast.length)
})

test('a miner that joins a resumed localnet commits, and the others do not commit again', async () => {
  const some = cast.filter(({name}) => name === 'oracle')
  await run({chosen: some})

  await run({chosen: cast.filter(({name}) => ['oracle', 'drift'].includes(name)), blockTimeMs: undefined})

  expect(await onChain((chain) => revealed(chain, 2))).toHaveLength(2)
})

test('the commitments are ones that a miner could have made', async () => {
  const {cast: members} = await run({chosen: cast.slice(0, 1)})

  const [commitment] = await onChain((chain) => revealed(chain, 1))
  const parsed = parseModelCommitment(commitment?.text ?? '', commitment?.hotkey ?? '')

  expect(parsed).toMatchObject({ok: true, value: {modelName: `leoma-user/leoma-${members[0]?.hotkey}`}})
  expect(parsed.ok && parsed.value.modelRevision).toMatch(/^[0-9a-f]{40}$/)
})

test('another block time than the one the chain began with is refused', async () => {
  await run()

  await expect(run({blockTimeMs: 500})).rejects.toMatchObject({code: 'BLOCK_TIME_FIXED', kind: 'usage'})
})

test('the copycat offers the same bytes as the oracle, everybody else their own', async () => {
  const {cast: members, wallets} = await run()
  registerModels(dataDir, wallets, new Map(members.map(({hotkey}) => [hotkey, 'http://127.0.0.1:4000'])))
  const models = new LocalModels({path: path.join(dataDir, 'models.json')})

  const fingerprints = new Map<string, string>()
  for (const {profile, hotkey} of members) {
    const commitment = (await onChain((chain) => revealed(chain, members.length))).find((one) => one.hotkey === hotkey)
    const parsed = parseModelCommitment(commitment?.text ?? '', commitment?.hotkey ?? '')
    if (!parsed.ok) throw new Error(parsed.reason)
    const model = await models.model(parsed.value.modelName, parsed.value.modelRevision, signal)
    fingerprints.set(profile, JSON.stringify(model?.weights))
    expect(await models.chute(parsed.value.chuteId, signal)).toMatchObject({hot: true})
  }

  expect(fingerprints.get('copycat')).toBe(fingerprints.get('oracle'))
  expect(new Set(fingerprints.values()).size).toBe(members.length - 1)
})

test('a profile that does not take part keeps its model, but its chute is down', async () => {
  const {wallets} = await run()
  registerModels(dataDir, wallets, new Map())
  const models = new LocalModels({path: path.join(dataDir, 'models.json')})
  const commitment = (await onChain((chain) => revealed(chain, 1)))[0]
  const parsed = parseModelCommitment(commitment?.text ?? '', commitment?.hotkey ?? '')

  expect(parsed.ok && (await models.chute(parsed.value.chuteId, signal))).toMatchObject({hot: false})
})

/** A reveal comes a block after the commitment. */
async function revealed(chain: LocalChain, count: number) {
  for await (const _ of chain.watchHeads(signal)) {
    const found = await chain.commitments(99, signal)
    if (found.length >= count) return found
  }
  throw new Error('the chain stands still')
}
