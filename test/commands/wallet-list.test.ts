import {mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {expect, test} from 'vitest'
import {LocalChain} from '../../src/chain/local.js'
import WalletList from '../../src/commands/wallet/list.js'
import {systemTime} from '../../src/runtime/clock.js'
import {createHotkey} from '../../src/wallet/files.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {runCommand} from '../helpers/run-command.js'
import {tempFolder} from '../helpers/temp-folder.js'

const netuid = 99

async function aMachine() {
  await walletReady()
  const dataDir = tempFolder()
  const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify, blockTimeMs: 50})
  const wallets = path.join(dataDir, 'wallets')
  const registered = await createHotkey(wallets, 'alice', 'first', new Uint8Array(32).fill(1))
  const other = await createHotkey(wallets, 'alice', 'second', new Uint8Array(32).fill(2))
  mkdirSync(path.join(wallets, 'cold'))
  chain.registerSubnet({netuid, ownerHotkey: registered.hotkey})
  chain.registerNeuron({netuid, hotkey: registered.hotkey, coldkey: other.hotkey, stakeRao: 5n})
  const list = (...argv: string[]) =>
    runCommand(WalletList, 'wallet:list', argv, {NETWORK: 'localnet', LEOMA_DATA: dataDir})
  return {list, wallets, registered: registered.hotkey, other: other.hotkey}
}

test('lists the keys of this machine and where they are registered', async () => {
  const {list, other, registered} = await aMachine()

  const {code, stdout} = await list('--json')

  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toEqual({
    netuid,
    chainProblem: null,
    wallets: [
      expect.objectContaining({wallet: 'alice', hotkey: 'first', address: registered, uid: 0, stakeRao: '5'}),
      expect.objectContaining({wallet: 'alice', hotkey: 'second', address: other, uid: null, stakeRao: null}),
      expect.objectContaining({wallet: 'cold', hotkey: null, address: null}),
    ],
  })
})

test('the table has a row per hotkey and says nothing of a secret', async () => {
  const {list, registered} = await aMachine()

  const {stdout} = await list()

  expect(stdout.split('\n')[1]).toBe(`alice\tfirst\t${registered}\t0\tyes\tno\t`)
  expect(stdout).not.toMatch(/0x[0-9a-f]{64}/)
})

test('a key that others may read is listed with the fix', async () => {
  const {list, wallets} = await aMachine()
  writeFileSync(path.join(wallets, 'alice', 'hotkeys', 'third'), '{}', {mode: 0o644})

  expect((await list()).stdout).toContain(`chmod 600 ${path.join(wallets, 'alice', 'hotkeys', 'third')}`)
})

test('without the chain it still lists the keys, and says so', async () => {
  const {list, registered} = await aMachine()

  const offline = await list('--offline')

  expect(offline.code).toBe(0)
  expect(offline.stdout).toContain(`alice\tfirst\t${registered}\t?`)
  expect(offline.stderr).toContain('the chain: not asked')
})
