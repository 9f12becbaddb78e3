import {chmod, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {type CliOptions, needCli, runCli} from './cli.js'
import type {EngineName} from './engine-args.js'
import {checkedName} from './file-name.js'
import {folderDigest, manifestName} from './local-image.js'
import type {ImageName} from './port.js'
import {nodeInside, nodeRootfs} from './rootfs.js'

/** What an image is made of: files beside each other, and arguments for Node.js, the first of them one of the files. */
export interface ImageRecipe {
  /** Lower-case letters, digits and dashes. */
  readonly name: string
  readonly files: Readonly<Record<string, string | Uint8Array>>
  readonly args: readonly [string, ...string[]]
}

/** Makes images of this machine's Node.js and a few files, without a registry: for a localnet, for trying a sandbox out. */
export interface ImageMaker {
  make(recipe: ImageRecipe, signal: AbortSignal): Promise<ImageName>
}

const baseName = 'localhost/leoma-node'
const buildMs = 300_000

/** Folders that stand for images, where there is no engine. */
export class FolderImages implements ImageMaker {
  readonly #imagesDir: string

  constructor(imagesDir: string) {
    this.#imagesDir = imagesDir
  }

  async make({name, files, args}: ImageRecipe, signal: AbortSignal): Promise<ImageName> {
    signal.throwIfAborted()
    const folder = path.join(this.#imagesDir, checkedName(name))
    await rm(folder, {recursive: true, force: true})
    await writeAll(folder, {...files, [manifestName]: JSON.stringify({cmd: ['node', ...args]})})
    const {digest} = await folderDigest(folder)
    return {imageRef: `localhost/${name}@sha256:${digest}`, digest}
  }
}

export interface EngineImagesOptions extends CliOptions {
  readonly engine: EngineName
  readonly workDir: string
}

/** Images of Podman or Docker: one base with Node.js, made once, and a small layer for each. */
export class EngineImages implements ImageMaker {
  readonly #options: EngineImagesOptions
  #base: Promise<string> | undefined

  constructor(options: EngineImagesOptions) {
    this.#options = options
  }

  async make({name, files, args}: ImageRecipe, signal: AbortSignal): Promise<ImageName> {
    const {engine, workDir} = this.#options
    this.#base ??= this.#makeBase(signal)
    const base = await this.#base
    await mkdir(workDir, {recursive: true})
    const folder = await mkdtemp(path.join(workDir, 'build-'))
    const tag = `localhost/${checkedName(name)}:latest`
    try {
      const lines = [`FROM ${base}`, 'COPY app /app', 'WORKDIR /app', `CMD ${JSON.stringify([nodeInside, ...args])}`]
      await writeAll(path.join(folder, 'app'), files)
      await writeAll(folder, {Dockerfile: lines.join('\n')})
      // Without the time of its making, the same content has the same digest, whoever makes it.
      const build =
        engine === 'podman'
          ? ['build', '--format', 'oci', '--pull=never', '--isolation', 'chroot', '--timestamp', '0']
          : ['build']
      await this.#run([...build, '--quiet', '--tag', tag, folder], signal)
      const field = engine === 'podman' ? '{{.Digest}}' : '{{.Id}}'
      const said = (await this.#run(['image', 'inspect', '--format', field, tag], signal)).trim()
      const digest = said.replace(/^sha256:/, '')
      return {imageRef: `localhost/${name}@sha256:${digest}`, digest}
    } finally {
      await rm(folder, {recursive: true, force: true})
    }
  }

  /** Of this very Node.js; one that is there already is used again. */
  async #makeBase(signal: AbortSignal): Promise<string> {
    const tag = `${baseName}:${process.version}`
    const {ok} = await runCli(this.#options, ['image', 'inspect', tag], {signal, deadlineMs: buildMs})
    if (!ok)
      await needCli(this.#options, ['import', '-', tag], {signal, deadlineMs: buildMs, input: await nodeRootfs()})
    return tag
  }

  #run(args: readonly string[], signal: AbortSignal): Promise<string> {
    return needCli(this.#options, args, {signal, deadlineMs: buildMs})
  }
}

async function writeAll(folder: string, files: ImageRecipe['files']): Promise<void> {
  await mkdir(folder, {recursive: true})
  // Whatever the umask says: another user reads them.
  await chmod(folder, 0o755)
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, checkedName(name))
    await writeFile(file, content, {flag: 'wx'})
    await chmod(file, 0o644)
  }
}
