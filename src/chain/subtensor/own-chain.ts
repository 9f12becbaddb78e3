import {z} from 'zod'
import type {Hotkey, Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import type {Signer} from '../../wallet/port.js'
import {buildCall} from './calls.js'
import {Connection, type ConnectionOptions, type Node} from './connection.js'
import type {Call} from './extrinsic.js'
import {headOf} from './heads.js'
import type {Runtime} from './runtime.js'
import {Sender} from './sender.js'
import {Big, Num, StorageBatch} from './storage-batch.js'

export interface OwnChainOptions extends Pick<ConnectionOptions, 'network' | 'endpoints' | 'cache' | 'time' | 'log'> {
  /** Pays for everything, and is the chain's root. */
  readonly root: Signer
}

/** What a subnet that is only played is set to; names are the chain's, and what a runtime does not have is left out. */
export type SubnetSettings = Readonly<Record<string, number | boolean>>

/** Free balance from which an account can pay for a subnet and its neurons, and what one is given that has less. */
const enoughRao = 100_000n * 1_000_000_000n
const givenRao = 10_000_000n * 1_000_000_000n
/** Of a pool that begins empty: enough that staking hardly moves the price. */
const reserveRao = 1_000_000n * 1_000_000_000n
const maxFirstBlocks = 20
/** Blocks that a new subnet has to wait at most before it may be started. */
const maxStartWaitBlocks = 60

/**
 * What is done to a chain of one's own before a subnet can be played on it: money, a subnet, neurons, stake. Everything is
 * an ordinary call of the root account. A node made for development (one that offers `dev_…`, as chopsticks does) is also
 * asked for what only such a node can give: money out of nothing, and blocks when they are wanted.
 */
export class OwnChain {
  readonly #options: OwnChainOptions
  readonly #connection: Connection
  readonly #sender: Sender
  #developing: Promise<void> = Promise.resolve()
  #methods: Promise<ReadonlySet<string>> | undefined

  constructor(options: OwnChainOptions, blockTimeMs: number) {
    const {log, time} = options
    this.#options = options
    this.#connection = new Connection({...options, connectTimeoutMs: 20_000, requestTimeoutMs: 120_000})
    const pollMs = Math.min(1500, Math.max(50, blockTimeMs / 8))
    // Development nodes take the same bytes twice, and then count the sender one further than it is.
    const resendMs = Math.max(30_000, 2 * blockTimeMs)
    this.#sender = new Sender(
      {connection: this.#connection, log, time, pollMs, resendMs},
      Math.max(12_000, blockTimeMs),
    )
  }

  async genesis(signal: AbortSignal): Promise<string> {
    return (await this.#connection.node(signal)).runtime.genesis
  }

  /** Milliseconds between two blocks by the chain's own plan. */
  async plannedBlockTimeMs(signal: AbortSignal): Promise<number> {
    const {runtime} = await this.#connection.node(signal)
    return 2 * Num.parse(runtime.constant('timestamp', 'minimumPeriod')?.toJSON() ?? 6000)
  }

  /** Whether the node only makes blocks when it is asked to. */
  makesBlocksOnDemand(signal: AbortSignal): Promise<boolean> {
    return this.#offers('dev_newBlock', signal)
  }

  async makeBlock(signal: AbortSignal): Promise<void> {
    await this.#develop('dev_newBlock', {count: 1}, signal)
  }

  /**
   * Makes blocks until there is one besides the genesis, which chopsticks knows under another hash than its header's and
   * loses to whoever asks for that. On a busy machine a block may fail: its time falls into the slot after its own.
   */
  async leaveGenesis(signal: AbortSignal): Promise<void> {
    for (let tries = 0; (await this.#head(signal)) === 0; tries++) {
      if (tries === maxFirstBlocks) throw new LeomaError('chain', 'CHAIN_REFUSED', 'the node makes no block')
      await this.makeBlock(signal)
    }
  }

  /**
   * Sees to it that the root account is the chain's root and has money. Throws `FUNDING_ACCOUNT_POOR` or
   * `FUNDING_ACCOUNT_NOT_ROOT` where it is not and the node cannot make it so.
   */
  async fund(signal: AbortSignal): Promise<void> {
    const {hotkey: root} = this.#options.root
    const node = await this.#connection.node(signal)
    if (await this.#offers('dev_setStorage', signal)) {
      const {free} = await this.#account(node, signal)
      const account = [[[root], {providers: 1, data: {free: String(free < givenRao ? givenRao : free)}}]]
      const changes = {Sudo: {Key: root}, ...(free < enoughRao ? {System: {Account: account}} : {})}
      await this.#develop('dev_setStorage', changes, signal)
    }
    const {free, key} = await this.#account(node, signal)
    if (free < enoughRao) {
      throw new LeomaError('chain', 'FUNDING_ACCOUNT_POOR', `${root} has ${free} rao, a subnet needs ${enoughRao}`, {
        hints: ['name an account with money in FUNDING_SECRET'],
        retryable: false,
      })
    }
    if (key !== root) {
      throw new LeomaError('auth', 'FUNDING_ACCOUNT_NOT_ROOT', `${root} is not the root account of this chain`, {
        hints: [
          'name the one that is in FUNDING_SECRET; on most development chains it is //Alice',
          'a chain of somebody else cannot be used: its limits on registrations and weights must be set',
        ],
      })
    }
  }

  async hasSubnet(netuid: Netuid, signal: AbortSignal): Promise<boolean> {
    return (await this.#subnets(await this.#connection.node(signal), signal)).includes(netuid)
  }

  /** A new subnet of the root account, whose first neuron is `owner`; answers its number. */
  async registerSubnet(owner: Hotkey, signal: AbortSignal): Promise<Netuid> {
    await this.#asRoot([['sudoSetNetworkRateLimit', 0]], signal)
    const before = await this.#subnets(await this.#connection.node(signal), signal)
    await this.#send('register_network', 0, signal, (runtime) => {
      const register = runtime.call('subtensorModule', 'registerNetwork')
      // Older runtimes also ask which kind of pool it is to have.
      const args = register?.meta.args.length === 2 ? [owner, 1] : [owner]
      return buildCall(runtime, 'subtensorModule', 'registerNetwork', args)
    })
    const node = await this.#connection.node(signal)
    const netuid = (await this.#subnets(node, signal)).find((candidate) => !before.includes(candidate))
    if (netuid === undefined) throw new LeomaError('chain', 'SUBNET_UNKNOWN', 'the new subnet is not there')
    await this.#fillPool(netuid, signal)
    return netuid
  }

  /** Whether root can set this of a subnet; name as in `SubnetSettings`. */
  async canSet(name: string, signal: AbortSignal): Promise<boolean> {
    const {runtime} = await this.#connection.node(signal)
    return runtime.call('adminUtils', `sudoSet${name}`) !== undefined
  }

  /** Sets what the runtime has of it, all in one block. */
  async configure(netuid: Netuid, settings: SubnetSettings, signal: AbortSignal): Promise<void> {
    const calls = Object.entries(settings).map(([name, value]) => [`sudoSet${name}`, netuid, value] as const)
    await this.#asRoot(calls, signal)
  }

  /** Begins the emission, where a subnet has to be started; before that nobody can stake on it. */
  async startSubnet(netuid: Netuid, signal: AbortSignal): Promise<void> {
    const {runtime} = await this.#connection.node(signal)
    if (!runtime.call('subtensorModule', 'startCall')) return
    const {time} = this.#options
    const last = (await this.#head(signal)) + maxStartWaitBlocks
    for (;;) {
      try {
        await this.#send('start_call', netuid, signal, (current) =>
          buildCall(current, 'subtensorModule', 'startCall', [netuid]),
        )
        return
      } catch (error) {
        // A subnet may be started only some blocks after it was registered.
        const tooSoon = error instanceof LeomaError && error.code === 'EXTRINSIC_REJECTED'
        if (!tooSoon || (await this.#head(signal)) >= last) throw error
        await time.sleep(1000, signal)
      }
    }
  }

  /** Registers hotkeys for the root account, in their order; those that are there already must be left out. */
  async register(netuid: Netuid, hotkeys: readonly Hotkey[], signal: AbortSignal): Promise<void> {
    if (hotkeys.length === 0) return
    await this.#send('burned_register', netuid, signal, (runtime) =>
      inOne(
        runtime,
        hotkeys.map((hotkey) => buildCall(runtime, 'subtensorModule', 'burnedRegister', [netuid, hotkey])),
      ),
    )
  }

  /** Stakes so much of the root account's money on each hotkey. */
  async stake(netuid: Netuid, hotkeys: readonly Hotkey[], rao: bigint, signal: AbortSignal): Promise<void> {
    for (const hotkey of hotkeys) {
      await this.#send('add_stake', netuid, signal, (runtime) =>
        buildCall(runtime, 'subtensorModule', 'addStake', [hotkey, netuid, rao]),
      )
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #head(signal: AbortSignal): Promise<number> {
    return (await headOf(await this.#connection.node(signal), signal)).number
  }

  async #account(node: Node, signal: AbortSignal): Promise<{free: bigint; key: string | undefined}> {
    const batch = new StorageBatch(node.runtime)
    const data = z.object({data: z.object({free: Big})})
    const account = batch.add('system', 'account', [this.#options.root.hotkey], data)
    const key = batch.add('sudo', 'key', [], z.string())
    await batch.read(node.rpc, (await headOf(node, signal)).hash, signal)
    return {free: account()?.data.free ?? 0n, key: key()}
  }

  /** All numbers that a development chain may have given away. */
  async #subnets(node: Node, signal: AbortSignal): Promise<Netuid[]> {
    const batch = new StorageBatch(node.runtime)
    const added = Array.from({length: 256}, (_, netuid) =>
      batch.add('subtensorModule', 'networksAdded', [netuid], z.boolean()),
    )
    await batch.read(node.rpc, (await headOf(node, signal)).hash, signal)
    return added.flatMap((isThere, netuid) => (isThere() ? [netuid] : []))
  }

  /** Runtimes of the first days of subnet tokens begin with a pool of nothing, in which staking buys nothing. */
  async #fillPool(netuid: Netuid, signal: AbortSignal): Promise<void> {
    if (!(await this.#offers('dev_setStorage', signal))) return
    const reserve = [[[netuid], String(reserveRao)]]
    const items = {SubnetTAO: reserve, SubnetAlphaIn: reserve}
    await this.#develop('dev_setStorage', {SubtensorModule: items}, signal)
  }

  /** One at a time: a block that is being made does not see what is stored meanwhile. */
  async #develop(method: string, argument: unknown, signal: AbortSignal): Promise<void> {
    const work = async () => {
      const {rpc} = await this.#connection.node(signal)
      await rpc.request(method, [argument], signal)
    }
    const own = this.#developing.then(work, work)
    this.#developing = own.catch(() => {})
    await own
  }

  async #offers(method: string, signal: AbortSignal): Promise<boolean> {
    this.#methods ??= this.#connection.node(signal).then(async ({rpc}) => {
      const {methods} = z.object({methods: z.array(z.string())}).parse(await rpc.request('rpc_methods', [], signal))
      return new Set(methods)
    })
    return (await this.#methods).has(method)
  }

  async #asRoot(calls: readonly (readonly [name: string, ...args: unknown[]])[], signal: AbortSignal): Promise<void> {
    const {runtime} = await this.#connection.node(signal)
    const known = calls.filter(([name]) => runtime.call('adminUtils', name) !== undefined)
    if (known.length === 0) return
    await this.#send('sudo', 0, signal, (current) => {
      const inner = known.map(([name, ...args]) => buildCall(current, 'adminUtils', name, args))
      return buildCall(current, 'sudo', 'sudo', [inOne(current, inner)])
    })
  }

  async #send(call: string, netuid: Netuid, signal: AbortSignal, build: (runtime: Runtime) => Call): Promise<void> {
    const {root} = this.#options
    await this.#sender.submit(build, root, {call, netuid, hotkey: root.hotkey}, signal)
  }
}

function inOne(runtime: Runtime, calls: readonly Call[]): Call {
  const [first] = calls
  return calls.length === 1 && first ? first : buildCall(runtime, 'utility', 'batchAll', [calls])
}
