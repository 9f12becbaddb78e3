import {once} from 'node:events'
import {createServer} from 'node:net'
import path from 'node:path'
import {expect, test} from 'vitest'
import {LocalChain} from '../../src/chain/local.js'
import MinerCommit from '../../src/commands/miner/commit.js'
import {systemTime} from '../../src/runtime/clock.js'
import {createHotkey} from '../../src/wallet/files.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const revision = 'ab'.repeat(20)
const netuid = 99
const signal = new AbortController().signal

/** A local chain with one subnet, and a wallet whose hotkey is registered there unless said otherwise. */
async function aMiner({isRegistered = true} = {}) {
  await walletReady()
  const dataDir = tempFolder()
  const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify, blockTimeMs: 50})
  const wallets = path.join(dataDir, 'wallets')
  const owner = await createHotkey(wallets, 'owner', 'default', new Uint8Array(32).fill(1))
  const miner = await createHotkey(wallets, 'alice', 'first', new Uint8Array(32).fill(2))
  const subnet = {netuid, coldkey: owner.hotkey, stakeRao: 0n}
  chain.registerSubnet({netuid, ownerHotkey: owner.hotkey})
  chain.registerNeuron({...subnet, hotkey: owner.hotkey})
  if (isRegistered) chain.registerNeuron({...subnet, hotkey: miner.hotkey})
  const committed = async () => {
    const all = await chain.commitments(netuid, signal)
    return all.filter(({hotkey}) => hotkey === miner.hotkey).map(({text}) => text)
  }

  const modelName = `alice/leoma-v1-${miner.hotkey}`
  const commit = (options: Record<string, string | true> = {}) => {
    const given: Record<string, string | true> = {
      'model-name': modelName,
      'model-revision': revision,
      'chute-id': 'chute-1',
      coldkey: 'alice',
      hotkey: 'first',
      ...options,
    }
    const argv = Object.entries(given).map(([name, value]) => (value === true ? `--${name}` : `--${name}=${value}`))
    return runCommand(MinerCommit, 'miner:commit', argv, {NETWORK: 'localnet', LEOMA_DATA: dataDir})
  }
  return {commit, committed, hotkey: miner.hotkey, modelName}
}

test('commits the published text, waits for the reveal and says in which block', async () => {
  const {commit, committed, hotkey, modelName} = await aMiner()

  const {stdout, code} = await commit({yes: true, json: true})

  const text = `{"model_name": "${modelName}", "model_revision": "${revision}", "chute_id": "chute-1"}`
  const answer = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(answer).toMatchObject({
    plan: {network: 'localnet', netuid, hotkey, uid: 1, text, replaces: null, left: 1},
    extrinsic: expect.stringMatching(/^0x[0-9a-f]+$/),
  })
  expect(answer.revealedAtBlock).toBeGreaterThan(answer.block)
  expect(await committed()).toEqual([text])
})

test('--dry-run shows exactly what would be signed, and sends nothing', async () => {
  const {commit, committed, hotkey, modelName} = await aMiner()

  const {stderr, code} = await commit({'dry-run': true})

  expect(code).toBe(0)
  expect(stderr).toContain(`text    {"model_name": "${modelName}"`)
  expect(stderr).toContain(`signer  ${hotkey} (uid 1)`)
  expect(await committed()).toEqual([])
})

test('what is signed is shown with --json too', async () => {
  const {commit} = await aMiner()

  expect((await commit({'dry-run': true, json: true})).stderr).toContain('{"model_name": ')
})

test('without a terminal it never waits for an answer: it fails and names the flag', async () => {
  const {commit, committed} = await aMiner()

  expect(await commit()).toMatchObject({code: 2, stderr: expect.stringContaining('try: add --yes')})
  expect(await committed()).toEqual([])
})

test('refuses what is committed already, rather than waste one of two commitments', async () => {
  const {commit, committed} = await aMiner()
  await commit({yes: true})

  const again = await commit({yes: true})

  expect(again).toMatchObject({code: 2, stderr: expect.stringContaining('[COMMIT_UNCHANGED]')})
  expect(await committed()).toHaveLength(1)
})

test('refuses the third commitment, which would make the hotkey invalid for good', async () => {
  const {commit, committed} = await aMiner()
  await commit({yes: true})
  const second = await commit({yes: true, json: true, 'chute-id': 'chute-2'})

  const third = await commit({yes: true, 'chute-id': 'chute-3'})

  expect(JSON.parse(second.stdout)).toMatchObject({
    plan: {left: 0, replaces: {text: expect.stringContaining('chute-1')}},
  })
  expect(third).toMatchObject({code: 2, stderr: expect.stringContaining('[COMMITS_USED_UP]')})
  expect(await committed()).toHaveLength(2)
})

test.each([
  ['a name that does not begin with leoma', {'model-name': 'alice/model-HOTKEY'}, 'begin with leoma'],
  ['a name that does not end with the hotkey', {'model-name': 'alice/leoma-v1'}, 'end with'],
  ['a name without a user', {'model-name': 'leoma-HOTKEY'}, 'user/repository'],
  ['a branch instead of a commit', {'model-revision': 'main'}, 'full commit hash'],
  ['an abbreviated commit', {'model-revision': revision.slice(0, 12)}, 'full commit hash'],
  ['a chute id that is an address', {'chute-id': 'https://x/../y'}, 'chute id'],
])('refuses %s before anything is signed', async (_, options, reason) => {
  const {commit, committed, hotkey} = await aMiner()
  const filled = Object.entries(options).map(([name, value]) => [name, value.replace('HOTKEY', hotkey)])

  const {stderr, code} = await commit({...Object.fromEntries(filled), yes: true})

  expect(code).toBe(2)
  expect(stderr).toContain('[SUBMISSION_INVALID]')
  expect(stderr).toContain(reason)
  expect(await committed()).toEqual([])
})

test('a name in another case is the same name', async () => {
  const {commit, modelName} = await aMiner()

  expect(await commit({'model-name': modelName.replace('leoma', 'LeoMa'), 'dry-run': true})).toMatchObject({code: 0})
})

test('exits 4 for a hotkey that is not on the subnet, and for a wallet that is not there', async () => {
  const {commit} = await aMiner({isRegistered: false})

  expect(await commit({yes: true})).toMatchObject({code: 4, stderr: expect.stringContaining('[HOTKEY_NOT_REGISTERED]')})
  expect(await commit({hotkey: 'nobody'})).toMatchObject({
    code: 4,
    stderr: expect.stringContaining('[WALLET_NOT_FOUND]'),
  })
})

test('exits 3 for a network that nobody knows, and names those that are known', async () => {
  const argv = ['--model-name=a/leoma', `--model-revision=${revision}`, '--chute-id=c']

  const {stderr, code} = await runCommand(MinerCommit, 'miner:commit', argv, {NETWORK: 'mainnet'})

  expect(code).toBe(3)
  expect(stderr).toContain('[NETWORK_UNKNOWN]')
  expect(stderr).toContain('localnet')
})

test('exits 5 for a node that is not there, and says what to look at', async () => {
  await walletReady()
  const wallets = tempFolder()
  const {hotkey} = await createHotkey(wallets, 'default', 'default')
  const node = createServer().listen(0, '127.0.0.1')
  await once(node, 'listening')
  const address = node.address()
  const port = typeof address === 'object' && address ? address.port : 0
  node.close()
  await once(node, 'close')
  const argv = [`--model-name=a/leoma-${hotkey}`, `--model-revision=${revision}`, '--chute-id=c', '--json']
  const env = {NETWORK: `ws://127.0.0.1:${port}`, NETUID: '1', BT_WALLET_PATH: wallets, LEOMA_DATA: tempFolder()}

  const {stdout, code} = await runCommand(MinerCommit, 'miner:commit', argv, env)

  expect(code).toBe(5)
  expect(JSON.parse(stdout)).toMatchObject({
    error: {
      kind: 'chain',
      code: 'CHAIN_UNREACHABLE',
      hints: [expect.stringContaining('check NETWORK'), expect.anything()],
    },
  })
})
