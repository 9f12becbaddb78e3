import {monitorEventLoopDelay} from 'node:perf_hooks'
import {fastify} from 'fastify'
import {buildServer} from '../../src/http/server.js'
import {systemTime} from '../../src/runtime/clock.js'
import {Health} from '../../src/runtime/health.js'
import {silentLogger} from '../../src/runtime/logger.js'
import {validateMinersOnce} from '../../src/services/miner-validation.js'
import {Scorer} from '../../src/services/scorer.js'
import {settleInTurns} from '../../src/services/settlement.js'
import {openStore} from '../../src/store/open.js'
import {verifyEd25519} from '../../src/wallet/ed25519.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {VerifyBeside} from '../../src/wallet/verify-beside.js'
import {miners, netuid, offered, owner, validators, video} from './api-world.js'

/** The owner's API in a process of its own, which measures itself when it is told to. */
export type Command =
  | {readonly do: 'rescore'}
  | {readonly do: 'settle'; readonly block: number}
  | {readonly do: 'start watching'}
  | {readonly do: 'stop watching'}
  | {readonly do: 'cpu'}
  | {readonly do: 'validate'}

const never = new AbortController().signal
const [, , file = ''] = process.argv
await walletReady()
const store = openStore(file, {durability: 'flushed'})
const time = systemTime()
const log = silentLogger()
const neurons = [owner, ...miners, ...validators].map(({hotkey}, uid) => ({
  ...{uid, hotkey, coldkey: owner.hotkey, stakeRao: 0n, validatorPermit: false, lastUpdate: 0, registeredAtBlock: 0},
}))
const chain = {
  metagraph: async () => ({netuid, block: {number: 2000, hash: ''}, ownerHotkey: owner.hotkey, neurons}),
}
const newScorer = () => new Scorer({store, mechanism: video, chain, netuid, time, log})
const scorer = newScorer()
await scorer.turn(never)

const beside = new VerifyBeside({time, log})
const app = buildServer({
  ...{store, netuid, scorer, verify, verifyEd25519, time, log},
  mechanism: video,
  verifyAll: beside.verifyAll,
  signer: owner,
  health: new Health(),
  version: '0.0.0-bench',
  admins: [owner.hotkey],
  rates: {perAddress: 10_000_000, perHotkey: 10_000_000},
})
const url = await app.listen({port: 0, host: '127.0.0.1'})

/** Nothing but the same bytes: what a kept answer is measured against. */
const bare = fastify({logger: false})
for (const path of ['/weights', '/scores/rank']) {
  const bytes = (await app.inject({url: path})).rawPayload
  bare.get(path, (_request, reply) => reply.type('application/json; charset=utf-8').send(bytes))
}
const bareUrl = await bare.listen({port: 0, host: '127.0.0.1'})

let delay = monitorEventLoopDelay({resolution: 1})
const answers: Record<Command['do'], (command: Command) => Promise<unknown> | unknown> = {
  rescore: async () => {
    store.sql.prepare<[]>('DELETE FROM rule_states').run()
    const started = performance.now()
    const made = await newScorer().turn(never)
    return {seconds: (performance.now() - started) / 1000, tasks: made?.ranking.window.length}
  },
  settle: async (command) => {
    const block = command.do === 'settle' ? command.block : 0
    const settled = await settleInTurns({store, mechanism: video, block, at: time.now(), log}, time, never)
    await scorer.turn(never)
    return {settled: settled.length}
  },
  'start watching': () => {
    delay = monitorEventLoopDelay({resolution: 1})
    delay.enable()
    return {}
  },
  'stop watching': async () => {
    // What has just held up the loop is noted by a timer that has its turn only now.
    await time.sleep(5, never)
    delay.disable()
    return {maxMs: delay.max / 1e6, p99Ms: delay.percentile(99) / 1e6}
  },
  validate: () => {
    const {commitments, models} = offered
    return validateMinersOnce({store, chain: {...chain, commitments}, models, netuid, time, log}, never)
  },
  cpu: () => {
    const {user, system} = process.cpuUsage()
    return {seconds: (user + system) / 1e6}
  },
}

process.on('message', async (command: Command) => {
  process.send?.(await answers[command.do](command))
})
process.send?.({url, bareUrl})
