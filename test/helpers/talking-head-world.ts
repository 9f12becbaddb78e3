import {mkdirSync, rmSync} from 'node:fs'
import path from 'node:path'
import type {OwnerApi} from '../../src/api/port.js'
import type {Chain} from '../../src/chain/port.js'
import {sha256} from '../../src/domain/canonical.js'
import type {Hotkey} from '../../src/domain/ids.js'
import {type Round, roundOf} from '../../src/mechanisms/talking-head/evidence.js'
import {Executor} from '../../src/mechanisms/talking-head/executor.js'
import {executorRoutes} from '../../src/mechanisms/talking-head/executor-routes.js'
import {talkingHead} from '../../src/mechanisms/talking-head/index.js'
import type {TalkingHeadParams} from '../../src/mechanisms/talking-head/params.js'
import type {ExecutorPorts} from '../../src/mechanisms/types.js'
import {FolderObjects} from '../../src/objects/folder.js'
import {MeasuredQuality} from '../../src/quality/measured.js'
import type {Quality} from '../../src/quality/port.js'
import {systemTime} from '../../src/runtime/clock.js'
import {silentLogger} from '../../src/runtime/logger.js'
import type {OpenedSandbox} from '../../src/sandbox/open.js'
import type {Isolation, Sandbox} from '../../src/sandbox/port.js'
import {signExam} from '../../src/services/exam.js'
import {localTalkingHeads, makeChallenges, makeTalkingHeads} from '../../src/services/localnet/talking-heads/prepare.js'
import {StoreExecutorBook} from '../../src/store/executor-book.js'
import {openStore, type Store} from '../../src/store/open.js'
import {StoreRecords} from '../../src/store/records.js'
import {verify} from '../../src/wallet/keypair.js'
import type {Signer} from '../../src/wallet/port.js'
import {open} from '../contract/sandbox.js'
import {media} from '../integration/media/videos.js'
import {netuid, owner, validators} from './owner-world.js'
import {aHotkey} from './video.js'

const never = new AbortController().signal
const [alice] = validators as [Signer]

export interface WorldOptions {
  readonly isolation: Isolation
  readonly profiles: readonly string[]
  readonly folder: string
  readonly params?: (params: TalkingHeadParams) => TalkingHeadParams
}

/** An executor with everything real but the chain, which is a number, and the owner's API, which only has an exam. */
export class TalkingHeadWorld {
  readonly store: Store
  readonly records: StoreRecords
  readonly book: StoreExecutorBook
  images: ReadonlyMap<string, string> = new Map()
  opened: OpenedSandbox | undefined
  head = 8
  params: TalkingHeadParams
  sandbox: Sandbox | undefined
  quality: Quality = new MeasuredQuality({media})
  executor: Executor | undefined
  readonly #options: WorldOptions
  readonly #time = systemTime()

  private constructor(options: WorldOptions) {
    this.#options = options
    this.params = (options.params ?? ((same) => same))(localTalkingHeads)
    this.store = openStore(path.join(options.folder, 'executor.db'))
    this.records = new StoreRecords(this.store, this.#time)
    this.book = new StoreExecutorBook(this.store, this.records)
  }

  static async make(options: WorldOptions): Promise<TalkingHeadWorld> {
    mkdirSync(options.folder, {recursive: true})
    const world = new TalkingHeadWorld(options)
    world.opened = await open(options.isolation, options.folder, `world${process.pid}`)
    world.sandbox = world.opened.sandbox
    await makeChallenges(path.join(options.folder, 'pool'))
    world.images = await makeTalkingHeads(options.profiles, world.opened.images, never)
    world.start()
    return world
  }

  /** As a process that starts: with nothing but what is written down. */
  start(): void {
    const {folder} = this.#options
    if (!this.sandbox) throw new Error('the world is not made')
    const params = JSON.parse(JSON.stringify(this.params))
    const exam = {
      version: 1 as const,
      mechanism: 'talking-head',
      mechanismVersion: talkingHead.version,
      netuid,
      fromTask: 1,
    }
    const signed = signExam({...exam, samplers: [owner.hotkey], params}, owner)
    const ports: ExecutorPorts = {
      sandbox: this.sandbox,
      quality: this.quality,
      challenges: new FolderObjects({root: folder, bucket: 'pool'}),
      book: this.book,
      examMemory: {current: () => undefined, keep: () => {}},
      dataDir: path.join(folder, 'data'),
      workDir: path.join(folder, 'work'),
      pollMs: 10,
      serve: () => {},
    }
    const block = (number: number) => ({number, hash: `0x${sha256(`block ${number}`)}`})
    this.executor = new Executor({
      ...ports,
      ...{clock: {...this.#time, every: () => {}, start: async () => {}}, log: silentLogger(), netuid, verify},
      ...{media, records: this.records, signer: alice},
      // Only what an executor asks of them.
      api: {ownExam: async () => signed} as unknown as OwnerApi,
      chain: {
        metagraph: async () => ({ownerHotkey: owner.hotkey}),
        head: async () => block(this.head),
        blockAt: async (number: number) => block(number),
      } as unknown as Chain,
    })
  }

  /** In the order in which they submitted. */
  submit(names: readonly string[], from = 1): void {
    this.book.tell(names.map((name, at) => this.told(name, from + at)))
  }

  told(name: string, block: number, image = name) {
    const imageRef = image === 'blacklist' ? image : (this.images.get(image) ?? image)
    return {
      hotkey: this.hotkey(name),
      imageRef,
      submitTime: 1_700_000_000 + block,
      submitBlock: block,
      claimBlock: block,
    }
  }

  hotkey(name: string): Hotkey {
    return aHotkey(name)
  }

  async turn(signal: AbortSignal = never): Promise<void> {
    await this.executor?.turn(signal)
  }

  /** The rounds that are signed so far. */
  rounds(): Round[] {
    return this.records.after('talking-head', alice.hotkey, 0, 100).map(({record}) => roundOf(record))
  }

  /** Of the last round, by name. */
  results(): Map<string, Round['results'][number]> {
    const names = new Map(this.#options.profiles.map((name) => [this.hotkey(name), name]))
    const last = this.rounds().at(-1)
    return new Map((last?.results ?? []).map((result) => [names.get(result.hotkey) ?? result.hotkey, result]))
  }

  routes() {
    if (!this.executor) throw new Error('the world is not made')
    return executorRoutes({book: this.book, records: this.records, author: alice.hotkey, executor: this.executor})
  }

  close(): void {
    this.store.close()
    rmSync(this.#options.folder, {recursive: true, force: true})
  }
}
