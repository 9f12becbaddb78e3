import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {LocalChain} from '../../src/chain/local.js'
import {createSigner, verify} from '../../src/wallet/keypair.js'
import {ChainTime} from '../fakes/chain-time.js'
import {chainContract} from './chain.js'

const names = ['//Alice', '//Bob', '//Charlie', '//Dave']

chainContract('a file on this machine', async (hyperparameters) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leoma-chain-'))
  const time = new ChainTime()
  const blockTimeMs = 250
  const chain = LocalChain.open({
    path: path.join(folder, 'chain.db'),
    time,
    verify,
    blockTimeMs,
    genesisAt: time.now() - 1000 * blockTimeMs,
  })
  const netuid = 7
  const neurons = names.map((uri) => createSigner({uri}))
  chain.registerSubnet({netuid, ownerHotkey: neurons[0]!.hotkey, hyperparameters})
  for (const [uid, {hotkey}] of neurons.entries()) {
    chain.registerNeuron({netuid, hotkey, coldkey: hotkey, stakeRao: uid < 2 ? 1_000_000_000_000n : 0n})
  }
  return {
    chain,
    netuid,
    owner: neurons[0]!,
    neurons,
    advance: async (blocks) => time.advance(blocks * blockTimeMs),
    set: async (changes) => chain.setHyperparameters(netuid, changes),
    close: async () => {
      await chain.close()
      await rm(folder, {recursive: true, force: true})
    },
  }
})
