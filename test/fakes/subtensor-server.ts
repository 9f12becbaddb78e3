import {once} from 'node:events'
import type {AddressInfo} from 'node:net'
import {type WebSocket, WebSocketServer} from 'ws'
import {z} from 'zod'
import {bytesToHex, Runtime} from '../../src/chain/subtensor/runtime.js'
import {finneyGenesis} from '../helpers/finney.js'

export interface FakeNeuron {
  readonly hotkey: string
  readonly coldkey?: string
  readonly alphaStake?: number
  readonly totalStake?: number
  readonly permit?: boolean
  readonly lastUpdate?: number
  readonly registeredAt?: number
}

interface FakeBlock {
  readonly number: number
  readonly hash: string
  readonly header: unknown
  readonly extrinsics: readonly string[]
  readonly events: string
}

/** How a node takes an extrinsic: into the next block, not at all, or with an answer of its pool. */
export type Pool = (bytes: string) => 'include' | 'ignore' | {code: number; message: string; data?: unknown}

export interface FakeOptions {
  readonly metadata: Uint8Array
  readonly genesis?: string
  readonly specVersion?: number
  readonly head?: number
}

const subscriptions: Readonly<Record<string, string>> = {
  chain_subscribeNewHeads: 'chain_newHead',
  state_subscribeRuntimeVersion: 'state_runtimeVersion',
}

const Request = z.object({id: z.number(), method: z.string(), params: z.array(z.unknown())})

/**
 * A node of the real network as far as a client can tell: the same protocol over a real WebSocket, storage encoded by the
 * real metadata. What it has in storage, and when it falls silent, lies or goes away, is up to the test.
 */
export class SubtensorServer {
  readonly runtime: Runtime
  readonly genesis: string
  /** Every request, in order. */
  readonly asked: string[] = []
  readonly submitted: string[] = []
  bytesSent = 0
  pool: Pool = () => 'include'
  /** What becomes of an included extrinsic; undefined for success. */
  failure: {readonly pallet: number; readonly error: number} | undefined
  /** Answers nothing of these any more; `'all'` is a node that accepts connections and is silent. */
  silent: 'all' | ReadonlySet<string> = new Set()
  /** Sent instead of the next answer. */
  garbage: string | undefined
  specVersion: number
  finalityLag = 0
  readonly #metadata: Uint8Array
  readonly #server: WebSocketServer
  readonly #storage = new Map<string, string>()
  readonly #calls = new Map<string, string>()
  readonly #blocks: FakeBlock[] = []
  readonly #waiting: string[] = []
  readonly #watchers = new Map<WebSocket, Map<string, string>>()
  #nonces = new Map<string, number>()

  private constructor(
    server: WebSocketServer,
    {metadata, genesis = finneyGenesis, specVersion = 393, head = 1000}: FakeOptions,
  ) {
    this.#server = server
    this.#metadata = metadata
    this.genesis = genesis
    this.specVersion = specVersion
    this.runtime = new Runtime(metadata, {specVersion, transactionVersion: 1}, genesis)
    this.#append(head, [])
    server.on('connection', (socket) => {
      this.#watchers.set(socket, new Map())
      socket.on('close', () => this.#watchers.delete(socket))
      socket.on('message', (data) => this.#receive(socket, String(data)))
    })
  }

  static async start(options: FakeOptions, port = 0): Promise<SubtensorServer> {
    const server = new WebSocketServer({host: '127.0.0.1', port})
    await once(server, 'listening')
    return new SubtensorServer(server, options)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  get head(): {number: number; hash: string} {
    const {number, hash} = this.#blocks.at(-1) as FakeBlock // there is always one
    return {number, hash}
  }

  get connections(): number {
    return this.#watchers.size
  }

  /** Values as the codec takes them. */
  store(pallet: string, item: string, args: readonly unknown[], value: unknown): void {
    const entry = this.runtime.storage(pallet, item)
    if (!entry) throw new Error(`no storage ${pallet}.${item}`)
    const {registry} = this.runtime
    const isMap = entry.meta.type.isMap
    const type = registry.createLookupType(isMap ? entry.meta.type.asMap.value : entry.meta.type.asPlain)
    this.#storage.set(
      this.runtime.storageKey(entry, args),
      bytesToHex(registry.createTypeUnsafe(type, [value]).toU8a()),
    )
  }

  addSubnet(netuid: number, neurons: readonly FakeNeuron[], settings: Readonly<Record<string, unknown>> = {}): void {
    this.store('subtensorModule', 'networksAdded', [netuid], true)
    if (neurons[0]) this.store('subtensorModule', 'subnetOwnerHotkey', [netuid], neurons[0].hotkey)
    const defaults = {tempo: 99, weightsSetRateLimit: 10, minAllowedWeights: 1, commitRevealWeightsEnabled: false}
    for (const [item, value] of Object.entries({...defaults, ...settings})) {
      this.store('subtensorModule', item, [netuid], value)
    }
    const column = <T>(pick: (neuron: FakeNeuron) => T) => neurons.map(pick)
    const method = this.runtime.runtimeApi('SubnetInfoRuntimeApi', 'get_selective_metagraph')
    if (!method) throw new Error('no selective metagraph')
    const answer = this.runtime.registry.createTypeUnsafe(method.output, [
      {
        netuid,
        hotkeys: column(({hotkey}) => hotkey),
        coldkeys: column(({coldkey, hotkey}) => coldkey ?? hotkey),
        validatorPermit: column(({permit}) => permit ?? true),
        lastUpdate: column(({lastUpdate}) => lastUpdate ?? 0),
        blockAtRegistration: column(({registeredAt}) => registeredAt ?? 0),
        alphaStake: column(({alphaStake}) => alphaStake ?? 0),
        totalStake: column(({totalStake}) => totalStake ?? 0),
      },
    ])
    this.#calls.set(`${method.name}:${netuid}`, bytesToHex(answer.toU8a()))
  }

  /** Builds a block with what the pool has, and tells whoever watches. */
  newBlock(): {number: number; hash: string} {
    this.#append(this.head.number + 1, this.#waiting.splice(0))
    const {header} = this.#blocks.at(-1) as FakeBlock
    this.#tell('chain_newHead', header)
    return this.head
  }

  upgrade(specVersion: number): void {
    this.specVersion = specVersion
    this.#tell('state_runtimeVersion', this.#version())
  }

  /** Another program has sent with this account. */
  raiseNonce(account: string, nonce: number): void {
    this.#nonces.set(account, nonce)
    this.store('system', 'account', [account], {nonce})
  }

  /** Throws all connections away, as a node does that is restarted; what is in its pool is forgotten. */
  drop(): void {
    this.#waiting.splice(0)
    for (const socket of this.#server.clients) socket.terminate()
  }

  async stop(): Promise<void> {
    this.drop()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #append(number: number, extrinsics: readonly string[]): void {
    const header = {
      parentHash: this.#blocks.at(-1)?.hash ?? this.genesis,
      number: `0x${number.toString(16)}`,
      stateRoot: `0x${'11'.repeat(32)}`,
      extrinsicsRoot: `0x${'22'.repeat(32)}`,
      digest: {logs: []},
    }
    const hash = this.runtime.registry.createType('Header', header).hash.toHex()
    this.#blocks.push({number, hash, header, extrinsics, events: this.#events(extrinsics.length)})
  }

  /** `System.Events`: how the extrinsics of a block ended, all alike. */
  #events(count: number): string {
    const record = (index: number) => {
      const phase = Buffer.alloc(5)
      phase.writeUInt32LE(index, 1)
      const event = this.failure
        ? Buffer.from([0, 1, 3, this.failure.pallet, this.failure.error, 0, 0, 0, 0, 0, 0, 0])
        : Buffer.from([0, 0, 0, 0, 0, 0])
      return Buffer.concat([phase, event, Buffer.from([0])])
    }
    const records = Array.from({length: count}, (_, index) => record(index))
    return `0x${Buffer.concat([Buffer.from([count << 2]), ...records]).toString('hex')}`
  }

  #receive(socket: WebSocket, text: string): void {
    const {id, method, params} = Request.parse(JSON.parse(text))
    this.asked.push(method)
    if (this.silent === 'all' || this.silent.has(method)) return
    const answer = this.garbage ?? JSON.stringify({jsonrpc: '2.0', id, ...this.#handle(socket, {id, method, params})})
    this.garbage = undefined
    this.bytesSent += answer.length
    socket.send(answer)
  }

  #handle(socket: WebSocket, {id, method, params}: z.infer<typeof Request>): object {
    const subscription = subscriptions[method]
    if (subscription) {
      const name = `${subscription}-${id}`
      this.#watchers.get(socket)?.set(name, subscription)
      return {result: name}
    }
    if (method.includes('unsubscribe')) return {result: this.#watchers.get(socket)?.delete(String(params[0])) ?? false}
    if (method === 'author_submitExtrinsic') return this.#submit(z.string().parse(params[0]))
    return this.#answer(method, params)
  }

  #submit(bytes: string): object {
    this.submitted.push(bytes)
    const taken = this.pool(bytes)
    if (typeof taken === 'object') return {error: taken}
    if (taken === 'include') this.#waiting.push(bytes)
    return {result: `0x${'33'.repeat(32)}`}
  }

  #answer(method: string, params: readonly unknown[]): {result: unknown} | {error: {code: number; message: string}} {
    const blockOf = (hash: unknown) => this.#blocks.find((block) => block.hash === hash) ?? this.#blocks.at(-1)
    switch (method) {
      case 'chain_getBlockHash':
        if (params[0] === 0) return {result: this.genesis}
        return {result: this.#blocks.find(({number}) => number === params[0])?.hash ?? null}
      case 'chain_getHeader':
        return {result: blockOf(params[0])?.header}
      case 'chain_getBlock':
        return {result: {block: {header: blockOf(params[0])?.header, extrinsics: blockOf(params[0])?.extrinsics}}}
      case 'chain_getFinalizedHead':
        return {result: this.#blocks.at(-1 - this.finalityLag)?.hash ?? this.#blocks[0]?.hash}
      case 'state_getRuntimeVersion':
        return {result: this.#version()}
      case 'state_getMetadata':
        return {result: `0x${Buffer.from(this.#metadata).toString('hex')}`}
      case 'state_getStorage':
        return {result: this.#read(z.string().parse(params[0]), params[1])}
      case 'state_queryStorageAt': {
        const keys = z.array(z.string()).parse(params[0])
        return {result: [{block: params[1], changes: keys.map((key) => [key, this.#read(key, params[1])])}]}
      }
      case 'state_call': {
        const [name, argument] = z.tuple([z.string(), z.string()]).parse(params.slice(0, 2))
        const netuid = Buffer.from(argument.slice(2, 6), 'hex').readUInt16LE()
        const found = this.#calls.get(`${name}:${netuid}`)
        if (name.startsWith('Metadata_')) return {error: {code: -32_000, message: 'no such function'}}
        return {result: found ?? '0x00'}
      }
      case 'system_accountNextIndex':
        return {result: this.#nonces.get(String(params[0])) ?? 0}
      default:
        return {error: {code: -32_601, message: `no method ${method}`}}
    }
  }

  #read(key: string, hash: unknown): string | null {
    const events = this.runtime.storage('system', 'events')
    if (events && key === this.runtime.storageKey(events, [])) {
      return this.#blocks.find((block) => block.hash === hash)?.events ?? null
    }
    return this.#storage.get(key) ?? null
  }

  #version() {
    return {specName: 'node-subtensor', specVersion: this.specVersion, transactionVersion: 1, apis: []}
  }

  #tell(subscription: string, result: unknown): void {
    for (const [socket, names] of this.#watchers) {
      for (const [name, watched] of names) {
        if (watched !== subscription) continue
        socket.send(JSON.stringify({jsonrpc: '2.0', method: subscription, params: {subscription: name, result}}))
      }
    }
  }
}
