import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {createRequire} from 'node:module'
import {createServer} from 'node:net'
import {createInterface} from 'node:readline'
import {z} from 'zod'
import {Connection} from '../../src/chain/subtensor/connection.js'
import type {Call} from '../../src/chain/subtensor/extrinsic.js'
import type {Runtime} from '../../src/chain/subtensor/runtime.js'
import {type Included, submit} from '../../src/chain/subtensor/submit.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import type {Signer} from '../../src/wallet/port.js'

/** A raw chain spec of a subtensor runtime, and chopsticks to run it in; without both, tests on it are skipped. */
export function subtensorRuntime(): {spec: string; chopsticks: string} | {missing: string} {
  const spec = process.env.LEOMA_TEST_CHAIN_SPEC ?? process.env.LEOMA_SUBTENSOR_SPEC
  if (!spec) return {missing: 'LEOMA_TEST_CHAIN_SPEC names no raw chain spec of subtensor'}
  if (!existsSync(spec)) return {missing: `LEOMA_TEST_CHAIN_SPEC: there is no ${spec}`}
  const chopsticks = process.env.LEOMA_TEST_CHOPSTICKS ?? installed()
  if (!chopsticks) return {missing: 'LEOMA_TEST_CHOPSTICKS does not name the chopsticks.cjs to run the spec with'}
  return {spec, chopsticks}
}

function installed(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('@acala-network/chopsticks/chopsticks.cjs')
  } catch {
    return undefined
  }
}

const {signal} = new AbortController()
const tao = 1_000_000_000n
export const rao = (amount: number) => BigInt(amount) * tao

/** A subtensor runtime in a child process; a block is built for every transaction, and when asked for. */
export class SubtensorNode {
  readonly url: string
  readonly #stop: () => Promise<void>
  readonly #connection: Connection

  private constructor(url: string, stop: () => Promise<void>) {
    this.url = url
    this.#stop = stop
    this.#connection = new Connection({
      network: 'chopsticks',
      endpoints: [url],
      time: systemTime(),
      log: silentLogger(),
      connectTimeoutMs: 20_000,
      requestTimeoutMs: 120_000,
    })
  }

  /** `blocks`: made for every transaction, or only when they are asked for. */
  static async start(
    {spec, chopsticks}: {spec: string; chopsticks: string},
    {blocks = 'Instant'}: {readonly blocks?: 'Instant' | 'Manual'} = {},
  ): Promise<SubtensorNode> {
    const args = [chopsticks, `--genesis=${spec}`, `--port=${await freePort()}`, `--build-block-mode=${blocks}`]
    const child = spawn(process.execPath, args, {stdio: ['ignore', 'pipe', 'inherit']})
    const ended = once(child, 'exit')
    const stop = async () => {
      child.kill('SIGKILL')
      await ended
    }
    const lines = createInterface({input: child.stdout})
    const url = await new Promise<string>((resolve, reject) => {
      ended.then(([code]) => reject(new Error(`chopsticks ended with ${code} before it listened`)))
      lines.on('line', (line) => {
        const port = /RPC listening on .*:(\d+)/.exec(line)?.[1]
        if (port) resolve(`ws://127.0.0.1:${port}`)
      })
    })
    return new SubtensorNode(url, stop)
  }

  async rpc(method: string, params: readonly unknown[] = []): Promise<unknown> {
    const {rpc} = await this.#connection.node(signal)
    return rpc.request(method, params, signal)
  }

  async runtime(): Promise<Runtime> {
    return (await this.#connection.node(signal)).runtime
  }

  async advance(blocks: number): Promise<void> {
    const target = (await this.head()).number + blocks
    for (let failures = 0; (await this.head()).number < target; ) {
      try {
        await this.rpc('dev_newBlock', [{to: target}])
      } catch (error) {
        // On a busy machine the time of a block may fall into the slot after the one it was begun for.
        if (++failures >= 5) throw error
      }
    }
  }

  async head(): Promise<{number: number; hash: string}> {
    const {number} = z.object({number: z.string()}).parse(await this.rpc('chain_getHeader'))
    return {number: Number(number), hash: String(await this.rpc('chain_getBlockHash'))}
  }

  /** Sends a call as whoever signs it, and passes on what the chain refuses it for. */
  send(pallet: string, name: string, args: readonly unknown[], signer: Signer, netuid = 0): Promise<Included> {
    return this.submit((runtime) => callOf(runtime, pallet, name, args), signer, netuid)
  }

  submit(build: (runtime: Runtime) => Call, signer: Signer, netuid = 0): Promise<Included> {
    const deps = {connection: this.#connection, time: systemTime(), log: silentLogger(), pollMs: 20, resendMs: 30_000}
    return submit(deps, build, signer, {call: 'test', netuid, hotkey: signer.hotkey}, signal)
  }

  /** Calls as root, all in one block. */
  sudo(
    calls: readonly (readonly [pallet: string, name: string, ...args: unknown[]])[],
    root: Signer,
  ): Promise<Included> {
    return this.submit((runtime) => {
      const inner = calls.map(([pallet, name, ...args]) => callOf(runtime, pallet, name, args))
      const all = inner.length === 1 ? inner[0] : callOf(runtime, 'utility', 'batchAll', [inner])
      return callOf(runtime, 'sudo', 'sudo', [all])
    }, root)
  }

  async stop(): Promise<void> {
    await this.#connection.close()
    await this.#stop()
  }
}

export function callOf(runtime: Runtime, pallet: string, name: string, args: readonly unknown[]): Call {
  const call = runtime.call(pallet, name)
  if (!call) throw new Error(`no call ${pallet}.${name}`)
  return call(...args)
}

/**
 * A subnet of its own for a test: the owner holds uid 0, the others follow in their order; the first two have stake.
 * Every call costs the coldkey's money, so it is given plenty first.
 */
export async function prepareSubnet(node: SubtensorNode, neurons: readonly Signer[], root: Signer): Promise<number> {
  const account = [[[root.hotkey], {providers: 1, data: {free: String(rao(10_000_000))}}]]
  await node.rpc('dev_setStorage', [{Sudo: {Key: root.hotkey}, System: {Account: account}}])
  await node.sudo([['adminUtils', 'sudoSetNetworkRateLimit', 0]], root)
  const register = (await node.runtime()).call('subtensorModule', 'registerNetwork')
  // Older runtimes also ask which kind of pool it is to have.
  const args = register?.meta.args.length === 2 ? [root.hotkey, 1] : [root.hotkey]
  const before = await subnets(node)
  await node.send('subtensorModule', 'registerNetwork', args, root)
  const netuid = (await subnets(node)).find((candidate) => !before.includes(candidate))
  if (netuid === undefined) throw new Error('no subnet was registered')
  await node.sudo([['adminUtils', 'sudoSetTargetRegistrationsPerInterval', netuid, 100]], root)
  const reserve = String(rao(1_000_000))
  await node.rpc('dev_setStorage', [
    {SubtensorModule: {SubnetTAO: [[[netuid], reserve]], SubnetAlphaIn: [[[netuid], reserve]]}},
  ])
  for (const {hotkey} of neurons.slice(1)) {
    await node.send('subtensorModule', 'burnedRegister', [netuid, hotkey], root)
  }
  for (const {hotkey} of neurons.slice(0, 2)) {
    await node.send('subtensorModule', 'addStake', [hotkey, netuid, rao(1000)], root)
  }
  return netuid
}

/** Chopsticks takes no 0 for "any". */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}

async function subnets(node: SubtensorNode): Promise<number[]> {
  const runtime = await node.runtime()
  const entry = runtime.storage('subtensorModule', 'networksAdded')
  if (!entry) throw new Error('a runtime without subnets')
  const {hash} = await node.head()
  const found: number[] = []
  for (let netuid = 1; netuid < 16; netuid++) {
    const stored = await node.rpc('state_getStorage', [runtime.storageKey(entry, [netuid]), hash])
    if (stored === '0x01') found.push(netuid)
  }
  return found
}
