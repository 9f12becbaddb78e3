import {mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import type {AuditReport} from '../../../src/domain/audit.js'
import {canonicalJson, sha256} from '../../../src/domain/canonical.js'
import {LeomaError} from '../../../src/errors.js'
import {FolderObjects} from '../../../src/objects/folder.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {archiveFiles, openArchive} from '../../../src/services/audit/archive.js'
import {type AuditOptions, audit} from '../../../src/services/audit/audit.js'
import {Recorder} from '../../../src/services/audit/record.js'
import type {AuditSource} from '../../../src/services/audit/source.js'
import {verify} from '../../../src/wallet/keypair.js'
import {AuditWorld, video} from '../../helpers/audit-world.js'

const signal = new AbortController().signal
const window = {of: 'window'} as const
const options: AuditOptions = {
  ...{mechanism: video, netuid: 99, range: window, artefacts: true, regate: 0, rejudge: 0},
}

let dir: string
let world: AuditWorld
let proof: string

/** One run of a whole small subnet, kept as an archive that every test copies. */
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-audit-'))
  world = new AuditWorld(dir, {miners: 3, validators: 2, tasks: 3})
  await world.run(3)
  proof = path.join(dir, 'proof')
  const recorder = new Recorder(await world.source(), bucketIn(proof))
  const report = await check(recorder.source)
  await recorder.finish(report, {artefacts: true}, signal)
  archive = new Map(filesOf(proof).map((file) => [file, readFileSync(path.join(proof, file))]))
})
afterAll(async () => {
  await world.close()
  rmSync(dir, {recursive: true, force: true})
})

const bucketIn = (folder: string) => new FolderObjects({root: path.dirname(folder), bucket: path.basename(folder)})

async function check(
  source: AuditSource,
  changes: Partial<AuditOptions> = {},
  faults: Parameters<typeof audit>[1]['faults'] = [],
): Promise<AuditReport> {
  const verifyAll = async (checks: readonly {message: Uint8Array; signature: Uint8Array; hotkey: string}[]) =>
    checks.map(({message, signature, hotkey}) => verify(message, signature, hotkey))
  const deps = {source, faults, verify, verifyAll, time: systemTime(), workDir: path.join(dir, 'work')}
  return audit({...options, ...changes}, deps, signal)
}

/** The archive in memory, with some files changed; its index is written anew, as whoever changed them would. */
class Changed {
  readonly bucket = 'changed'
  readonly #files = new Map(archive)

  constructor(changes: Readonly<Record<string, Uint8Array>>, {honestIndex = false} = {}) {
    for (const [file, bytes] of Object.entries(changes)) this.#files.set(file, bytes)
    if (honestIndex) return
    const index = JSON.parse(textOf(archiveFiles.index))
    for (const [file, bytes] of Object.entries(changes)) if (index.files[file]) index.files[file] = sha256(bytes)
    this.#files.set(archiveFiles.index, new TextEncoder().encode(canonicalJson(index)))
  }

  async getBytes(key: string): Promise<Uint8Array> {
    const bytes = this.#files.get(key)
    if (bytes) return bytes
    throw new LeomaError('upstream', 'OBJECT_MISSING', `there is no ${key}`, {retryable: false})
  }

  async getFile(key: string, to: string, maxBytes: number) {
    const bytes = await this.getBytes(key)
    if (bytes.length > maxBytes) throw new LeomaError('data', 'OBJECT_TOO_LARGE', `${key} is too large`)
    writeFileSync(to, bytes)
    return {key, sizeBytes: bytes.length, sha256: sha256(bytes)}
  }
}

async function changed(changes: Readonly<Record<string, Uint8Array>>, how: {honestIndex?: boolean} = {}) {
  const {source, faults} = await openArchive(new Changed(changes, how), 'copy', signal)
  return check(source, {}, faults)
}

/** Its files by name. */
let archive: ReadonlyMap<string, Uint8Array>
const bytesOf = (file: string) => archive.get(file) ?? new Uint8Array()
const textOf = (file: string) => Buffer.from(bytesOf(file)).toString('utf8')
const encoded = (value: unknown) => new TextEncoder().encode(canonicalJson(value))

const filesOf = (folder: string) =>
  readdirSync(folder, {recursive: true, encoding: 'utf8'})
    .filter((file) => !file.startsWith('~') && statSync(path.join(folder, file)).isFile())
    .sort()

function flipped(file: string, at: number, bit: number): Record<string, Uint8Array> {
  const bytes = Uint8Array.from(bytesOf(file))
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
  return {[file]: bytes}
}

const errors = ({findings}: AuditReport) => findings.filter(({severity}) => severity === 'error')

/** Places spread over a text, the same in every run, and the first and the last byte. */
const places = (length: number, count: number) => [
  ...new Set([
    0,
    length - 1,
    ...Array.from({length: count}, (_, k) => Math.floor(((k + 0.618) * length) / count) % length),
  ]),
]

describe('an audit of a run', () => {
  it('is clean, live and from its archive, and looks at everything', async () => {
    const live = await check(await world.source())
    const archived = await changed({})

    for (const report of [live, archived]) {
      expect(report.findings).toEqual([])
      expect(report).toMatchObject({ok: true, range: {fromTask: 1, toTask: 3}, ranking: {decision: 'pay'}})
      expect(Object.fromEntries(report.checks.map(({check, looked}) => [check, looked]))).toMatchObject({
        ...{exams: 1, manifests: 3, verdicts: 12, settlements: 3, 'clip choices': 3, blocks: 3, artefacts: 18},
        ...{'lists of sources': 1, ranking: 1, 'published weights': 1, 'weights on chain': 2},
      })
      expect(report.validators.filter(({expected}) => expected > 0)).toEqual([
        expect.objectContaining({expected: 6, verdicts: 6, weights: 'agree'}),
        expect.objectContaining({expected: 6, verdicts: 6, weights: 'agree'}),
      ])
    }
    expect({...archived, at: '', source: ''}).toEqual({...live, at: '', source: ''})
  })

  it('of one task, or from a block on, says what it could not compare', async () => {
    const source = await world.source()
    const one = await check(source, {range: {of: 'task', taskId: 2}})
    const later = await check(source, {range: {of: 'from-block', block: 1011}})

    expect(one).toMatchObject({ok: true, range: {fromTask: 2, toTask: 2}, ranking: null})
    expect(later).toMatchObject({ok: true, range: {fromTask: 3, toTask: 3}})
    expect(one.findings.map(({code}) => code)).toEqual(['RANKING_NOT_REPEATED'])
    await expect(check(source, {range: {of: 'task', taskId: 9}})).rejects.toMatchObject({code: 'TASK_NOT_SETTLED'})
  })
})

/** Which object a byte of which file belongs to, as the audit must name it. */
interface Target {
  readonly file: string
  /** Bytes [from, to) of the file. */
  readonly from: number
  readonly to: number
  readonly object: string | RegExp
}

function targets(): Target[] {
  const found: Target[] = []
  for (const file of archive.keys()) {
    const bytes = Buffer.from(bytesOf(file))
    const whole = (object: string | RegExp) => found.push({file, from: 0, to: bytes.length, object})
    const [, task] = /^tasks\/(\d+)\.jsonl$/.exec(file) ?? []
    if (task !== undefined) {
      const lines = bytes.toString('utf8').trimEnd().split('\n')
      let from = 0
      for (const [index, line] of lines.entries()) {
        const to = from + Buffer.byteLength(line)
        const {verdict} = JSON.parse(line)
        const object =
          index === 0
            ? `manifest of task ${task}`
            : verdict
              ? `verdict of ${verdict.validator} on ${verdict.miner} in task ${task}`
              : `settlement of task ${task}`
        // The settlement is nobody's signature; it is held to its form and its bounds only.
        if (index < lines.length - 1) found.push({file, from, to, object})
        from = to + 1
      }
    } else if (/^objects\/corpus\//.test(file)) whole(`list of sources ${file.slice('objects/'.length)}`)
    else if (file.startsWith('objects/')) whole(`artefact ${file.slice('objects/'.length)}`)
    else if (file === archiveFiles.weights) whole(/^weights \(GET \/weights\)/)
    else if (file === archiveFiles.exams) whole('exam 1 of 1')
  }
  return found
}

describe('one changed byte', () => {
  it('of any manifest, verdict, list, artefact, exam or published weight is found, and its object is the one that is named', async () => {
    const missed: string[] = []
    const kinds = new Set<string>()
    for (const {file, from, to, object} of targets()) {
      const named = (report: AuditReport) =>
        errors(report).some(({object: name}) => (typeof object === 'string' ? name === object : object.test(name)))
      kinds.add(String(object).split(' ')[0] ?? '')
      // Every object at some places, each with a bit of its own.
      for (const [index, at] of places(to - from, file.startsWith('objects/') ? 0 : 1).entries()) {
        const report = await changed(flipped(file, from + at, (index * 3 + at) % 7))
        const names = errors(report).map(({code, object: name}) => `${code} ${name}`)
        // Nobody else is blamed for it.
        const others = names.filter(
          (name) =>
            !(typeof object === 'string' ? name.endsWith(object) : object.test(name.slice(name.indexOf(' ') + 1))),
        )
        if (report.ok || !named(report) || others.length > 0)
          missed.push(`${file} byte ${from + at}: wanted ${String(object)}, got ${names.join('; ') || 'nothing'}`)
      }
    }
    expect(missed).toEqual([])
    expect([...kinds].sort()).toEqual(['/^weights', 'artefact', 'exam', 'list', 'manifest', 'verdict'])
  })

  it('of weights on the chain is found, with the validator that has them', async () => {
    const chain = JSON.parse(textOf(archiveFiles.chain))
    for (const [index, {uid}] of chain.weights.entries()) {
      for (const change of [{uids: [6]}, {uids: [0]}, {values: [65_534]}, {uids: [4, 5], values: [65_535, 1]}]) {
        const report = await changed({
          [archiveFiles.chain]: encoded({
            ...chain,
            weights: chain.weights.with(index, {...chain.weights[index], ...change}),
          }),
        })
        expect(errors(report)).toEqual([
          expect.objectContaining({
            code: 'WEIGHTS_ON_CHAIN_DIFFER',
            object: `weights of uid ${uid} on the chain`,
            who: chain.neurons[uid].hotkey,
          }),
        ])
      }
    }
  })

  it('of any file of an archive is found by its index too', async () => {
    for (const file of [...archive.keys()].filter(
      (name) =>
        !name.startsWith('objects/') &&
        name !== archiveFiles.index &&
        name !== archiveFiles.chain &&
        name !== archiveFiles.blocks,
    )) {
      if (bytesOf(file).length === 0) continue
      const report = await changed(flipped(file, 3, 0), {honestIndex: true})
      expect(errors(report)).toContainEqual(
        expect.objectContaining({code: 'ARCHIVE_FILE_ALTERED', object: `archive file ${file}`}),
      )
    }
  })
})
