import path from 'node:path'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {EngineSandbox} from './engine.js'
import {LocalSandbox} from './local.js'
import {EngineImages, FolderImages, type ImageMaker} from './make-image.js'
import {type Isolation, isolations, type Sandbox} from './port.js'

export interface SandboxOptions {
  /** `auto`: the first of Podman, Docker and bubblewrap that works; a plain process only when it is named. */
  readonly choice: 'auto' | Isolation
  /** What an engine's program sees: where it finds its service, its helpers and its home. */
  readonly env: Readonly<Record<string, string>>
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  /** Private folder of this process. */
  readonly workDir: string
  /** Folders that stand for images, where there is no engine. */
  readonly imagesDir: string
  /** Lower-case letters and digits: whose runs these are, of all on this machine. */
  readonly owner: string
}

export interface OpenedSandbox {
  readonly sandbox: Sandbox
  /** Makes images that this sandbox can run. */
  readonly images: ImageMaker
  /** Those of `auto` that were tried before, and why they are not it. */
  readonly passedOver: readonly string[]
}

export async function openSandbox(options: SandboxOptions, signal: AbortSignal): Promise<OpenedSandbox> {
  const {choice} = options
  if (choice !== 'auto') return {...(await openOne(choice, options, signal)), passedOver: []}
  const passedOver: string[] = []
  for (const isolation of isolations.filter((each) => each !== 'process')) {
    try {
      return {...(await openOne(isolation, options, signal)), passedOver}
    } catch (error) {
      signal.throwIfAborted()
      passedOver.push(`${isolation}: ${LeomaError.from(error).message}`)
    }
  }
  throw new LeomaError('config', 'ENGINE_MISSING', ['there is no container engine here', ...passedOver].join('\n  '), {
    hints: ['apt-get install podman', 'SANDBOX=process for a trial that proves no isolation'],
  })
}

async function openOne(
  isolation: Isolation,
  options: SandboxOptions,
  signal: AbortSignal,
): Promise<Omit<OpenedSandbox, 'passedOver'>> {
  const {env, imagesDir, workDir} = options
  if (isolation === 'bwrap' || isolation === 'process') {
    const sandbox = await LocalSandbox.open({...options, isolation}, signal)
    return {sandbox, images: new FolderImages(imagesDir)}
  }
  const sandbox = await EngineSandbox.open({...options, engine: isolation, program: isolation}, signal)
  const build = {engine: isolation, program: isolation, env, workDir: path.join(workDir, 'build')}
  return {sandbox, images: new EngineImages(build)}
}
