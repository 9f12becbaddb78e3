import {createHash, randomBytes} from 'node:crypto'
import {mkdir, rm, statfs} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {withStop} from '../runtime/stop.js'
import {type CliOptions, needCli, runCli} from './cli.js'
import {createArgs, type EngineName, fullName, labelName} from './engine-args.js'
import {type EngineFacts, engineFacts} from './engine-info.js'
import {remove, runContainer} from './engine-run.js'
import {Inbox} from './inbox.js'
import type {ImageName, PulledImage, Running, Sandbox, SandboxInfo, SandboxLimits, StartOptions} from './port.js'
import {watch} from './watch.js'

export interface EngineOptions {
  readonly engine: EngineName
  readonly program: string
  /** What the engine's program sees of the environment. */
  readonly env: Readonly<Record<string, string>>
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  /** Private folder for the input of runs. */
  readonly workDir: string
  /** Whose containers these are, of all on this machine; what is labelled so is removed by `sweep`. */
  readonly owner: string
}

/** An engine answers such questions at once, or not at all. */
const shortMs = 60_000
/** A pull stops when the disk gets as full as this, in bytes left. */
const minFreeBytes = 2 * 1024 ** 3
const lookMs = 1_000

const Inspected = z.array(
  z.object({
    Id: z.string().regex(/^(?:sha256:)?[0-9a-f]{64}$/),
    Size: z.number().min(0),
    RootFS: z.object({Layers: z.array(z.string()).nullish()}),
    Config: z.object({Volumes: z.record(z.string(), z.unknown()).nullish()}).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    RepoTags: z.array(z.string()).nullish(),
  }),
)
type Inspected = z.infer<typeof Inspected>[number]

/** Containers of Podman or Docker, through their command line: it is the same with and without a service behind it. */
export class EngineSandbox implements Sandbox {
  readonly info: SandboxInfo
  readonly #options: EngineOptions
  readonly #facts: EngineFacts
  readonly #cli: CliOptions

  static async open(options: EngineOptions, signal: AbortSignal): Promise<EngineSandbox> {
    const {engine, program, env} = options
    const format = engine === 'podman' ? 'json' : '{{json .}}'
    const said = await needCli({program, env}, ['info', '--format', format], {signal, deadlineMs: shortMs})
    return new EngineSandbox(options, engineFacts(engine, said, process.getuid?.() === 0))
  }

  private constructor(options: EngineOptions, facts: EngineFacts) {
    this.#options = options
    this.#facts = facts
    this.#cli = options
    this.info = facts.info
  }

  async sweep(signal: AbortSignal): Promise<number> {
    const filter = ['--filter', `label=${labelName}=${this.#options.owner}`]
    const listed = await needCli(this.#cli, ['ps', '--all', '--quiet', '--no-trunc', ...filter], {
      signal,
      deadlineMs: shortMs,
    })
    const ids = listed.split('\n').filter((id) => /^[0-9a-f]{12,64}$/.test(id))
    for (const id of ids) {
      signal.throwIfAborted()
      const complaint = await remove(this.#cli, this.#removal(id), this.#options.time)
      if (complaint !== undefined)
        throw new LeomaError('upstream', 'SANDBOX_FAILED', `an old container cannot be removed: ${complaint}`)
    }
    return ids.length
  }

  async pull(name: ImageName, limits: Pick<SandboxLimits, 'imageBytes'>, signal: AbortSignal): Promise<PulledImage> {
    const ref = fullName(name.imageRef, name.digest)
    const here = await this.#find(ref, name, signal)
    const found = here ?? (await this.#bring(ref, name, signal))
    const image: PulledImage = {
      name,
      handle: found.Id,
      sizeBytes: found.Size,
      contentSha256: createHash('sha256')
        .update((found.RootFS.Layers ?? []).join('\n'))
        .digest('hex'),
      isNew: here === undefined,
    }
    const refusal = this.#refusal(found, limits)
    if (refusal === undefined) return image
    await this.drop(image, signal)
    throw refusal
  }

  async start(image: PulledImage, {limits, env = {}}: StartOptions, signal: AbortSignal): Promise<Running> {
    const {engine, owner, workDir} = this.#options
    const name = `leoma-${randomBytes(8).toString('hex')}`
    const job = path.join(workDir, name)
    await mkdir(job, {recursive: true, mode: 0o700})
    try {
      const inbox = await Inbox.make(job)
      const output = this.#facts.readsInside ? undefined : path.join(job, 'output')
      if (output !== undefined) await mkdir(output, {mode: 0o1777})
      const {mapsUsers, selinux} = this.#facts
      const plan = {engine, name, label: owner, input: inbox.folder, output, limits, env, mapsUsers, selinux}
      const made = await runCli(this.#cli, [...createArgs(plan), image.handle], {signal, deadlineMs: shortMs})
      if (!made.ok) throw new LeomaError('upstream', 'SANDBOX_FAILED', `${engine} made no container: ${made.complaint}`)
      return await runContainer(
        {
          ...this.#options,
          cli: {...this.#cli, cwd: job},
          name,
          job,
          inbox,
          output,
          limits,
          removal: this.#removal(name),
        },
        signal,
      )
    } catch (error) {
      await runCli(this.#cli, this.#removal(name), {signal: new AbortController().signal, deadlineMs: shortMs})
      await rm(job, {recursive: true, force: true})
      throw error
    }
  }

  async drop(image: PulledImage, signal: AbortSignal): Promise<void> {
    // By its number and without force: one that something else uses stays.
    if (image.isNew) await runCli(this.#cli, ['image', 'rm', image.handle], {signal, deadlineMs: shortMs})
  }

  #removal(container: string): string[] {
    const atOnce = this.#options.engine === 'podman' ? ['--time', '0'] : []
    return ['rm', '--force', '--volumes', ...atOnce, container]
  }

  #refusal({Size, Config}: Inspected, {imageBytes}: Pick<SandboxLimits, 'imageBytes'>): LeomaError | undefined {
    if (Size > imageBytes)
      return new LeomaError(
        'data',
        'IMAGE_TOO_LARGE',
        `the image has ${Size} bytes unpacked, ${imageBytes} are allowed`,
      )
    const volumes = Object.keys(Config?.Volumes ?? {}).length
    // Docker would give each of them a folder on the disk, without a limit; Podman can be told not to.
    if (volumes > 0 && this.#options.engine === 'docker')
      return new LeomaError('data', 'IMAGE_UNRUNNABLE', 'the image declares volumes, and there are none in a sandbox')
    return undefined
  }

  /** What is already here under exactly this digest. */
  async #find(ref: string, {digest}: ImageName, signal: AbortSignal): Promise<Inspected | undefined> {
    const found = await this.#inspect(ref, signal)
    if (found || this.#options.engine === 'podman' || !ref.startsWith('localhost/')) return found
    // Docker gives images that never saw a registry no digest of a manifest; for those their own number stands.
    const own = await this.#inspect(`sha256:${digest}`, signal)
    const repository = ref.slice(0, ref.indexOf('@'))
    return own?.RepoTags?.some((tag) => tag.startsWith(`${repository}:`)) ? own : undefined
  }

  async #inspect(ref: string, signal: AbortSignal): Promise<Inspected | undefined> {
    const {ok, stdout} = await runCli(this.#cli, ['image', 'inspect', ref], {signal, deadlineMs: shortMs})
    return ok ? Inspected.parse(JSON.parse(stdout))[0] : undefined
  }

  async #bring(ref: string, name: ImageName, signal: AbortSignal): Promise<Inspected> {
    const unavailable = (why: string) =>
      new LeomaError('data', 'IMAGE_UNAVAILABLE', `the image cannot be had: ${withoutName(why, ref, name)}`)
    // Nothing answers under that name, and a resolver would only be asked in vain.
    if (ref.startsWith('localhost/')) throw unavailable('it is not on this machine')
    await withStop(signal, async (both, stop) => {
      const disk = watch(this.#options.time, lookMs, async () => {
        const {imagesFolder} = this.#facts
        if (imagesFolder === undefined) return
        const {bavail, bsize} = await statfs(imagesFolder)
        if (bavail * bsize < minFreeBytes)
          stop(
            new LeomaError('upstream', 'SANDBOX_FAILED', 'the disk for images is full', {hints: ['free some space']}),
          )
      })
      try {
        const insecure =
          this.#options.engine === 'podman' && /^127\.0\.0\.1[:/]/.test(ref) ? ['--tls-verify=false'] : []
        const pulled = await runCli(this.#cli, ['pull', '--quiet', ...insecure, ref], {
          signal: both,
          deadlineMs: 24 * 3_600_000,
        })
        if (!pulled.ok) throw unavailable(pulled.complaint || 'the engine does not say why')
      } finally {
        await disk.stop()
      }
    })
    const found = await this.#inspect(ref, signal)
    if (!found) throw unavailable('what came has another digest')
    return found
  }
}

/** A reason is published; where the image lies is its owner's business until then. */
function withoutName(text: string, ref: string, {imageRef, digest}: ImageName): string {
  const repository = ref.slice(0, ref.indexOf('@'))
  const [registry = '', ...path] = repository.split('/')
  const masked = [ref, imageRef, repository, path.join('/'), digest, registry]
  return masked.reduce((said, part) => (part.length > 3 ? said.replaceAll(part, '…') : said), text).slice(0, 240)
}
