import {randomBytes} from 'node:crypto'
import {mkdirSync} from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import type {BlockNumber, Hotkey, Netuid, Uid} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import {schema, schemaVersion} from './local-schema.js'
import type {Commitment, Hyperparameters, Neuron, StoredWeights} from './port.js'

/** What a local subnet is run with: the port's hyperparameters and the two that decide who is replaced. */
export interface SubnetSettings extends Hyperparameters {
  readonly maxUids: number
  /** Blocks after registration during which a neuron is not replaced. */
  readonly immunityPeriod: number
}

export interface Subnet {
  readonly netuid: Netuid
  readonly ownerHotkey: Hotkey
  readonly settings: SubnetSettings
}

export interface ChainConstants {
  /** Milliseconds since 1970 at which block 0 began. */
  readonly genesisAt: number
  readonly blockTimeMs: number
  /** Makes the block hashes. */
  readonly seed: string
}

export interface NewNeuron {
  readonly netuid: Netuid
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly coldkey: string
  readonly stakeRao: bigint
  /** Undefined: whoever has stake has a permit. */
  readonly validatorPermit: boolean | undefined
  readonly block: BlockNumber
}

export interface NewCommitment {
  readonly netuid: Netuid
  readonly hotkey: Hotkey
  readonly text: string
  readonly costBytes: number
  readonly block: BlockNumber
  readonly revealBlock: BlockNumber
  readonly extrinsic: string
}

/** One accepted setting of weights; the log is only ever added to. */
export interface WeightEvent {
  readonly block: BlockNumber
  readonly netuid: Netuid
  readonly mecid: number
  readonly uid: Uid
  readonly hotkey: Hotkey
  readonly uids: readonly Uid[]
  readonly values: readonly number[]
  readonly versionKey: number
  readonly extrinsic: string
}

interface NeuronRow {
  uid: number
  hotkey: Hotkey
  coldkey: string
  stake_rao: string
  validator_permit: number | null
  registered_at: number
  last_update: number | null
}

/** The tables of a local chain and every statement about them. Several processes may have the file open. */
export class LocalState {
  readonly constants: ChainConstants
  readonly #db: Database.Database

  constructor(file: string, defaults: Omit<ChainConstants, 'seed'> & {readonly seed: string | undefined}) {
    mkdirSync(path.dirname(path.resolve(file)), {recursive: true})
    this.#db = new Database(file, {timeout: 10_000})
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = NORMAL')
    this.constants = this.write(() => {
      this.#migrate(file)
      this.#db
        .prepare('INSERT OR IGNORE INTO constants VALUES (1, ?, ?, ?)')
        .run(defaults.genesisAt, defaults.blockTimeMs, defaults.seed ?? randomBytes(32).toString('hex'))
      return this.#db
        .prepare<[], ChainConstants>('SELECT genesis_at genesisAt, block_time_ms blockTimeMs, seed FROM constants')
        .get() as ChainConstants // The line above has put it there.
    })
  }

  #migrate(file: string): void {
    const found = Number(this.#db.pragma('user_version', {simple: true}))
    if (found > schemaVersion) {
      throw new LeomaError(
        'data',
        'STORE_TOO_NEW',
        `${file} is at version ${found}, this program knows ${schemaVersion}`,
        {
          hints: ['upgrade leoma', 'or begin a new chain in another folder: --data DIR'],
        },
      )
    }
    if (found === schemaVersion) return
    this.#db.exec(schema)
    this.#db.pragma(`user_version = ${schemaVersion}`)
  }

  /** Runs `work` as one step that no other process sees half of, and that fails whole. */
  write<T>(work: () => T): T {
    return this.#db.transaction(work).immediate()
  }

  /** Runs `work` over one unchanging state. */
  read<T>(work: () => T): T {
    return this.#db.transaction(work).deferred()
  }

  close(): void {
    this.#db.close()
  }

  findSubnet(netuid: Netuid): Subnet | undefined {
    const row = this.#db
      .prepare<[number], {owner_hotkey: Hotkey; settings: string}>(
        'SELECT owner_hotkey, settings FROM subnets WHERE netuid = ?',
      )
      .get(netuid)
    return row && {netuid, ownerHotkey: row.owner_hotkey, settings: JSON.parse(row.settings)}
  }

  saveSubnet({netuid, ownerHotkey, settings}: Subnet): void {
    this.#db
      .prepare(
        `INSERT INTO subnets (netuid, owner_hotkey, settings) VALUES (?, ?, ?)
         ON CONFLICT (netuid) DO UPDATE SET settings = excluded.settings`,
      )
      .run(netuid, ownerHotkey, JSON.stringify(settings))
  }

  /** By uid. */
  neurons(netuid: Netuid): Neuron[] {
    return this.#db
      .prepare<[number], NeuronRow>(
        `SELECT n.*, u.block last_update FROM neurons n
         LEFT JOIN last_updates u ON u.netuid = n.netuid AND u.mecid = 0 AND u.uid = n.uid
         WHERE n.netuid = ? ORDER BY n.uid`,
      )
      .all(netuid)
      .map((row) => ({
        uid: row.uid,
        hotkey: row.hotkey,
        coldkey: row.coldkey,
        stakeRao: BigInt(row.stake_rao),
        validatorPermit: row.validator_permit === null ? BigInt(row.stake_rao) > 0n : row.validator_permit === 1,
        lastUpdate: row.last_update ?? 0,
        registeredAtBlock: row.registered_at,
      }))
  }

  /** Puts a neuron at its uid; whoever was there is gone, with its weights and its times. */
  putNeuron(neuron: NewNeuron, mechanismCount: number): void {
    const {netuid, uid, validatorPermit: permit} = neuron
    for (const table of ['neurons', 'weights', 'last_updates']) {
      this.#db.prepare(`DELETE FROM ${table} WHERE netuid = ? AND uid = ?`).run(netuid, uid)
    }
    this.#db
      .prepare('INSERT INTO neurons VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(
        netuid,
        uid,
        neuron.hotkey,
        neuron.coldkey,
        String(neuron.stakeRao),
        permit === undefined ? null : Number(permit),
        neuron.block,
      )
    for (let mecid = 0; mecid < mechanismCount; mecid++) this.saveLastUpdate(netuid, mecid, uid, neuron.block)
  }

  saveStake(netuid: Netuid, uid: Uid, stakeRao: bigint): void {
    this.#db.prepare('UPDATE neurons SET stake_rao = ? WHERE netuid = ? AND uid = ?').run(String(stakeRao), netuid, uid)
  }

  lastUpdate(netuid: Netuid, mecid: number, uid: Uid): BlockNumber {
    const row = this.#db
      .prepare<[number, number, number], {block: number}>(
        'SELECT block FROM last_updates WHERE netuid = ? AND mecid = ? AND uid = ?',
      )
      .get(netuid, mecid, uid)
    return row?.block ?? 0
  }

  saveLastUpdate(netuid: Netuid, mecid: number, uid: Uid, block: BlockNumber): void {
    this.#db.prepare('INSERT OR REPLACE INTO last_updates VALUES (?, ?, ?, ?)').run(netuid, mecid, uid, block)
  }

  saveWeights(event: WeightEvent): void {
    const {netuid, mecid, uid, block} = event
    const uids = JSON.stringify(event.uids)
    const values = JSON.stringify(event.values)
    this.#db.prepare('INSERT OR REPLACE INTO weights VALUES (?, ?, ?, ?, ?)').run(netuid, mecid, uid, uids, values)
    this.saveLastUpdate(netuid, mecid, uid, block)
    this.#db
      .prepare('INSERT INTO weight_events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(block, netuid, mecid, uid, event.hotkey, uids, values, event.versionKey, event.extrinsic)
  }

  weights(netuid: Netuid, mecid: number, uid: Uid): StoredWeights | undefined {
    const row = this.#db
      .prepare<[number, number, number], {uids: string; vals: string}>(
        'SELECT uids, vals FROM weights WHERE netuid = ? AND mecid = ? AND uid = ?',
      )
      .get(netuid, mecid, uid)
    return (
      row && {
        uids: JSON.parse(row.uids),
        values: JSON.parse(row.vals),
        lastUpdate: this.lastUpdate(netuid, mecid, uid),
      }
    )
  }

  /** Newest first. */
  weightEvents(netuid: Netuid, mecid: number, limit: number): WeightEvent[] {
    return this.#db
      .prepare<[number, number, number], Omit<WeightEvent, 'uids' | 'values'> & {uids: string; vals: string}>(
        `SELECT block, netuid, mecid, uid, hotkey, uids, vals, version_key versionKey, extrinsic FROM weight_events
         WHERE netuid = ? AND mecid = ? ORDER BY id DESC LIMIT ?`,
      )
      .all(netuid, mecid, limit)
      .map(({uids, vals, ...event}) => ({...event, uids: JSON.parse(uids), values: JSON.parse(vals)}))
  }

  /** Revealed by `head`, of registered hotkeys, the last `kept` of each, oldest first. */
  commitments(netuid: Netuid, head: BlockNumber, kept: number): Commitment[] {
    return this.#db
      .prepare<[number, number, number], Commitment>(
        `SELECT hotkey, body text, reveal_block block FROM (
           SELECT c.*, row_number() OVER (PARTITION BY c.hotkey ORDER BY c.id DESC) age
           FROM commitments c JOIN neurons n ON n.netuid = c.netuid AND n.hotkey = c.hotkey
           WHERE c.netuid = ? AND c.reveal_block <= ? AND c.replaced = 0
         ) WHERE age <= ? ORDER BY hotkey, id`,
      )
      .all(netuid, head, kept)
  }

  saveCommitment(commitment: NewCommitment): void {
    const {netuid, hotkey, block} = commitment
    this.#db
      .prepare('UPDATE commitments SET replaced = 1 WHERE netuid = ? AND hotkey = ? AND reveal_block > ?')
      .run(netuid, hotkey, block)
    this.#db
      .prepare('INSERT INTO commitments VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 0)')
      .run(netuid, hotkey, commitment.text, commitment.costBytes, block, commitment.revealBlock, commitment.extrinsic)
  }

  /** Bytes that a hotkey's commitments have cost since a block. */
  usedSpace(netuid: Netuid, hotkey: Hotkey, since: BlockNumber): number {
    const row = this.#db
      .prepare<[number, string, number], {used: number}>(
        'SELECT coalesce(sum(cost_bytes), 0) used FROM commitments WHERE netuid = ? AND hotkey = ? AND block >= ?',
      )
      .get(netuid, hotkey, since)
    return row?.used ?? 0
  }

  /** The number of this hotkey's next call: no two calls are the same bytes. */
  nextNonce(hotkey: Hotkey): number {
    const row = this.#db
      .prepare<[string], {nonce: number}>(
        'INSERT INTO nonces VALUES (?, 0) ON CONFLICT (hotkey) DO UPDATE SET nonce = nonce + 1 RETURNING nonce',
      )
      .get(hotkey)
    return row?.nonce ?? 0
  }
}
