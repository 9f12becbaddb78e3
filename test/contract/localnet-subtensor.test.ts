import {existsSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {SubtensorChain} from '../../src/chain/subtensor/chain.js'
import {parseModelCommitment} from '../../src/domain/commitment.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {walletReady} from '../../src/wallet/keypair.js'
import {withLocalnet} from '../helpers/localnet.js'
import {SubtensorNode, subtensorRuntime} from '../helpers/subtensor-node.js'
import {tempFolder} from '../helpers/temp-folder.js'

const runtime = subtensorRuntime()
const {signal} = new AbortController()

if ('missing' in runtime) {
  process.stderr.write(`a localnet on a subtensor runtime is skipped: ${runtime.missing}\n`)
  describe.skip(`a localnet on a subtensor runtime: skipped, ${runtime.missing}`, () => {
    it('crowns a winner there')
  })
} else {
  let node: SubtensorNode

  beforeAll(async () => {
    await walletReady()
    // Only the localnet makes blocks.
    node = await SubtensorNode.start(runtime, {blocks: 'Manual'})
  }, 180_000)
  afterAll(() => node?.stop())

  describe('a localnet on a subtensor runtime', () => {
    it('crowns a winner there, whose weights are in the storage of the chain', async () => {
      const dataDir = tempFolder()
      const miners = ['oracle', 'frozen', 'copycat']
      const options = {chain: node.url, miners, validators: 1, rounds: 1, dataDir, blockTimeMs: 1500}

      const {result, netuid, validator} = await withLocalnet(options, async ({localnet}) => ({
        result: await localnet.run(),
        netuid: Number(localnet.facts.env.NETUID),
        validator: localnet.facts.validators[0]?.uid ?? -1,
      }))

      const [oracle, frozen, copycat] = result.miners
      expect(result.winner).toMatchObject({profile: 'oracle', uid: oracle?.uid})
      expect(result.weights).toMatchObject({uids: [oracle?.uid], values: [65_535]})
      expect(frozen).toMatchObject({isValid: true, passed: 0})
      expect(copycat).toMatchObject({isValid: false, invalidReason: `duplicate_model:earliest_uid=${oracle?.uid}`})

      // Asked of the node itself, in the chain's own words.
      const {storage, storageKey} = await node.runtime().then((found) => ({
        storage: found.storage('subtensorModule', 'weights'),
        storageKey: found.storageKey.bind(found),
      }))
      if (!storage) throw new Error('a runtime without weights')
      const stored = await node.rpc('state_getStorage', [storageKey(storage, [netuid, validator])])
      const pair = Buffer.alloc(4)
      pair.writeUInt16LE(oracle?.uid ?? 0)
      pair.writeUInt16LE(65_535, 2)
      expect(stored).toBe(`0x04${pair.toString('hex')}`)

      // This runtime has room for 128 bytes: what the miners committed is in the short form, and anyone can read it.
      const chain = new SubtensorChain({
        ...{network: 'chopsticks', endpoints: [node.url], time: systemTime(), log: silentLogger()},
      })
      const commitments = await chain.commitments(netuid, signal)
      await chain.close()
      expect(commitments).toHaveLength(3)
      for (const {hotkey, text} of commitments) {
        expect(text).toMatch(/^leoma:1:leoma-user\/leoma-~:/)
        expect(parseModelCommitment(text, hotkey)).toMatchObject({ok: true})
      }

      // The validator tells what it came to, for whoever watches it.
      const health = path.join(dataDir, 'health', 'evaluator-validator-0.prom')
      expect(existsSync(health) && readFileSync(health, 'utf8')).toContain('leoma_job_last_success_timestamp_seconds{')
    }, 900_000)

    it('does not take up the work of another chain', async () => {
      const dataDir = tempFolder()
      await withLocalnet({miners: ['oracle'], validators: 1, dataDir}, async () => {})
      const elsewhere = withLocalnet({chain: node.url, miners: ['oracle'], validators: 1, dataDir}, async () => {})

      await expect(elsewhere).rejects.toMatchObject({code: 'LOCALNET_ELSEWHERE', kind: 'usage'})
    }, 120_000)
  })
}
