import {LocalChain} from '../../../src/chain/local.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {createSigner, verify} from '../../../src/wallet/keypair.js'

// One of several processes that open the same new chain at the same moment and write to it.
const [, , path = '', name = ''] = process.argv
const {signal} = new AbortController()
const signer = createSigner({uri: `//${name}`})
const chain = LocalChain.open({path, time: systemTime(), verify, blockTimeMs: 3_600_000})
const owner = createSigner({uri: '//Alice'})
chain.registerSubnet({netuid: 2, ownerHotkey: owner.hotkey, hyperparameters: {weightsRateLimit: 0}})
const uid = chain.registerNeuron({netuid: 2, hotkey: signer.hotkey, coldkey: 'c', stakeRao: 1n})
await chain.commit(2, `from ${name}`, signer, signal)
await chain.setWeights({netuid: 2, mecid: 0, uids: [uid], values: [1], versionKey: 0}, signer, signal)
process.stdout.write(JSON.stringify({genesisHash: (await chain.blockAt(0, signal))?.hash}))
await chain.close()
