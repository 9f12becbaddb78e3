import {randomBytes} from 'node:crypto'
import {existsSync} from 'node:fs'
import {mkdir, readdir, rm} from 'node:fs/promises'
import path from 'node:path'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {bwrapArgs, nodeInBwrap} from './bwrap-args.js'
import {needCli} from './cli.js'
import {Inbox} from './inbox.js'
import {commandOf, findFolderImage} from './local-image.js'
import {runLocal} from './local-run.js'
import type {
  Guarantee,
  ImageName,
  PulledImage,
  Running,
  Sandbox,
  SandboxInfo,
  SandboxLimits,
  StartOptions,
} from './port.js'
import {killTree} from './process-tree.js'

export interface LocalOptions {
  readonly isolation: 'bwrap' | 'process'
  /** Of bubblewrap. */
  readonly program?: string
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  readonly workDir: string
  /** Folders that stand for images; `localhost/<name>@sha256:…`. */
  readonly imagesDir: string
  readonly owner: string
}

const markName = 'LEOMA_SANDBOX'
const kept: Readonly<Record<LocalOptions['isolation'], readonly Guarantee[]>> = {
  bwrap: ['network', 'files', 'output', 'input', 'privileges', 'tree', 'digest'],
  process: ['digest'],
}

/**
 * For machines without an engine: bubblewrap, which shuts a program in but limits its memory and processors only by
 * watching, and a plain process, which is not shut in at all. Images are folders of this machine.
 */
export class LocalSandbox implements Sandbox {
  readonly info: SandboxInfo
  readonly #options: LocalOptions
  readonly #program: string

  static async open(options: LocalOptions, signal: AbortSignal): Promise<LocalSandbox> {
    if (options.isolation === 'process') return new LocalSandbox(options, process.version)
    const cli = {program: options.program ?? 'bwrap', env: {PATH: '/usr/local/bin:/usr/bin:/bin'}}
    const version = await needCli(cli, ['--version'], {signal, deadlineMs: 10_000})
    // Installed is not allowed: some systems forbid user namespaces.
    const trial = [
      '--unshare-all',
      '--unshare-user',
      '--ro-bind',
      '/',
      '/',
      '--',
      'prlimit',
      '--nproc=64',
      '--',
      'true',
    ]
    await needCli(cli, trial, {signal, deadlineMs: 10_000})
    return new LocalSandbox(options, version.trim().replace(/^bubblewrap /, ''))
  }

  private constructor(options: LocalOptions, version: string) {
    const {isolation} = options
    this.#options = options
    this.#program = options.program ?? 'bwrap'
    this.info = {isolation, version, rootless: process.getuid?.() !== 0, guarantees: kept[isolation]}
  }

  /** Programs of bubblewrap die with their parent; plain ones are found by what stands in their environment. */
  async sweep(signal: AbortSignal): Promise<number> {
    const {owner, workDir} = this.#options
    const left = (await readdir(workDir).catch(() => [])).filter((name) => name.startsWith(`${owner}-`))
    for (const name of left) {
      signal.throwIfAborted()
      await killTree(undefined, markOf(name))
      await rm(path.join(workDir, name), {recursive: true, force: true, maxRetries: 3})
    }
    return left.length
  }

  async pull(name: ImageName, limits: Pick<SandboxLimits, 'imageBytes'>, signal: AbortSignal): Promise<PulledImage> {
    signal.throwIfAborted()
    return findFolderImage(this.#options.imagesDir, name, limits)
  }

  async start(image: PulledImage, {limits, env = {}}: StartOptions, signal: AbortSignal): Promise<Running> {
    const {isolation, log, owner, time, workDir} = this.#options
    // Whoever needs one looks at `info` before.
    if (limits.gpu) throw new Error(`${isolation} gives nobody a graphics card`)
    const [first, ...rest] = await commandOf(image.handle, isolation === 'bwrap' ? nodeInBwrap : process.execPath)
    const id = `${owner}-${randomBytes(8).toString('hex')}`
    const job = path.join(workDir, id)
    await mkdir(job, {recursive: true, mode: 0o700})
    try {
      const inbox = await Inbox.make(job)
      const common = {...{time, log, job, inbox, limits, mark: markOf(id)}, signal}
      if (isolation === 'bwrap') {
        const command = [first, ...rest]
        const plan = {image: image.handle, input: inbox.folder, command, limits, env, node: process.execPath, system}
        return await runLocal({
          ...common,
          program: this.#program,
          args: bwrapArgs(plan),
          cwd: '/',
          env: {},
          inside: true,
        })
      }
      const [output, scratch] = [path.join(job, 'output'), path.join(job, 'tmp')]
      await Promise.all([mkdir(output, {mode: 0o700}), mkdir(scratch, {mode: 0o700})])
      const places = {TALKHEAD_INPUT: inbox.folder, TALKHEAD_OUTPUT: output, HOME: scratch, TMPDIR: scratch}
      return await runLocal({
        ...{...common, program: first, args: rest, cwd: image.handle, output, inside: false},
        env: {PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C.UTF-8', ...env, ...places},
      })
    } catch (error) {
      await rm(job, {recursive: true, force: true})
      throw error
    }
  }

  async drop(): Promise<void> {
    // A folder of this machine was not brought here.
  }
}

const markOf = (id: string) => `${markName}=${id}`

/** The system's programs and libraries, where it has them. */
const system = ['/usr', '/bin', '/sbin', '/lib', '/lib64', '/etc/ld.so.cache', '/etc/alternatives'].filter(existsSync)
