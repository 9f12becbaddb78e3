import {randomUUID} from 'node:crypto'
import {mkdirSync, readFileSync, renameSync, rmSync, type Stats, statSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {z} from 'zod'
import {compareText, Sha256} from '../domain/ids.js'
import {LeomaError} from '../errors.js'
import type {Chute, Model, Models} from './port.js'

const maxRegistryBytes = 16 * 1024 * 1024

const RegisteredChute = z.strictObject({
  chuteId: z.string().min(1).max(255),
  slug: z.string().min(1).max(64),
  hot: z.boolean(),
  revision: z.string().max(64).nullable(),
  endpoint: z.url({protocol: /^https?$/}).max(2048),
})
const RegisteredModel = z.strictObject({
  /** `<user>/<repository>`. */
  name: z.string().min(1).max(255),
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  /** Branches and tags that resolve to this commit. */
  refs: z.array(z.string().min(1).max(255)).default([]),
  isPublic: z.boolean(),
  weights: z.array(
    z.strictObject({path: z.string().min(1).max(1024), sha256: Sha256, sizeBytes: z.number().int().min(0)}),
  ),
})
const Registry = z.strictObject({
  version: z.literal(1),
  chutes: z.array(RegisteredChute),
  models: z.array(RegisteredModel),
})
type Registry = z.infer<typeof Registry>

export type RegisteredModel = z.input<typeof RegisteredModel>

/** What is added; a chute of a known id, and a model of a known name and commit, take the place of the former. */
export interface Registering {
  readonly chutes?: readonly Chute[]
  readonly models?: readonly RegisteredModel[]
}

/**
 * Models and chutes of one machine, in a JSON file. Whoever serves a model registers it there; the file is read again
 * whenever it has changed. With no file there are no models.
 */
export class LocalModels implements Models {
  readonly #file: string
  #read: {readonly stamp: string; readonly registry: Registry} | undefined

  constructor({path: file}: {readonly path: string}) {
    this.#file = path.resolve(file)
  }

  async chute(chuteId: string, signal: AbortSignal): Promise<Chute | undefined> {
    signal.throwIfAborted()
    return this.#registry().chutes.find((chute) => chute.chuteId === chuteId)
  }

  async model(name: string, revision: string, signal: AbortSignal): Promise<Model | undefined> {
    signal.throwIfAborted()
    const found = this.#registry().models.find(
      (model) => model.name === name && (model.sha === revision || model.refs.includes(revision)),
    )
    if (!found) return undefined
    const weights = [...found.weights].sort((a, b) => compareText(a.path, b.path))
    return {sha: found.sha, isPublic: found.isPublic, weights}
  }

  /** Adds to the file at once: readers see all of it or nothing. One process at a time may write. */
  static register(file: string, {chutes = [], models = []}: Registering): void {
    const before = readRegistry(path.resolve(file))
    const isNew = (model: Registry['models'][number]) =>
      !models.some(({name, sha}) => name === model.name && sha === model.sha)
    const after = Registry.parse({
      version: 1,
      chutes: [...before.chutes.filter(({chuteId}) => !chutes.some((chute) => chute.chuteId === chuteId)), ...chutes],
      models: [...before.models.filter(isNew), ...models],
    })
    // Sorted, so that the same content is the same file.
    after.chutes.sort((a, b) => compareText(a.chuteId, b.chuteId))
    after.models.sort((a, b) => compareText(a.name, b.name) || compareText(a.sha, b.sha))
    writeWhole(path.resolve(file), `${JSON.stringify(after, null, 2)}\n`)
  }

  #registry(): Registry {
    const stamp = stampOf(this.#file)
    if (this.#read?.stamp !== stamp) this.#read = {stamp, registry: readRegistry(this.#file)}
    return this.#read.registry
  }
}

/** Changes with the file; two writes within one tick of its clock differ by the inode, for each write makes a new one. */
function stampOf(file: string): string {
  const stat = statFile(file)
  return stat ? `${stat.mtimeMs} ${stat.ino} ${stat.size}` : 'absent'
}

function statFile(file: string): Stats | undefined {
  try {
    return statSync(file, {throwIfNoEntry: false})
  } catch (error) {
    throw unreadable(file, error)
  }
}

function readRegistry(file: string): Registry {
  const stat = statFile(file)
  if (!stat) return {version: 1, chutes: [], models: []}
  if (stat.size > maxRegistryBytes) throw unreadable(file, new Error(`it has ${stat.size} bytes`))
  try {
    return Registry.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (error) {
    throw unreadable(file, error)
  }
}

function writeWhole(file: string, content: string): void {
  mkdirSync(path.dirname(file), {recursive: true})
  const part = `${file}.${randomUUID()}.tmp`
  try {
    writeFileSync(part, content, {flag: 'wx'})
    renameSync(part, file)
  } finally {
    rmSync(part, {force: true})
  }
}

/** Kind `upstream`: a registry that cannot be read must never be booked on a miner. */
function unreadable(file: string, cause: unknown): LeomaError {
  return new LeomaError('upstream', 'MODELS_UNREACHABLE', `the model registry ${file} cannot be read`, {
    hints: ['leoma localnet writes it anew; delete it if it was edited by hand'],
    cause,
  })
}
