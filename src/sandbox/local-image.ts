import {createHash} from 'node:crypto'
import {lstat, readdir, readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {ImageName, PulledImage, SandboxLimits} from './port.js'

/** In a folder that stands for an image: what to start. The first word `node` means the Node.js that runs leoma. */
export const manifestName = 'leoma-image.json'
const Manifest = z.strictObject({cmd: z.array(z.string().min(1).max(4096)).min(1).max(64)})

const maxFiles = 10_000

/** Hash over every file of a folder: its name, whether it may be executed, its content. 64 hex digits. */
export async function folderDigest(folder: string): Promise<{readonly digest: string; readonly bytes: number}> {
  const hash = createHash('sha256')
  let bytes = 0
  for (const name of await filesOf(folder)) {
    const file = path.join(folder, name)
    const stat = await lstat(file)
    if (!stat.isFile()) throw unavailable(`${name} is no plain file`)
    const content = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
    hash.update(`${JSON.stringify(name)} ${stat.mode & 0o100 ? 'x' : '-'} ${content}\n`)
    bytes += stat.size
  }
  return {digest: hash.digest('hex'), bytes}
}

/** The image `localhost/<name>@sha256:…` is the folder `<name>`, if that is what it holds. */
export async function findFolderImage(
  imagesDir: string,
  {imageRef, digest}: ImageName,
  {imageBytes}: Pick<SandboxLimits, 'imageBytes'>,
): Promise<PulledImage> {
  const [, name] = /^localhost\/([a-z0-9][a-z0-9-]{0,63})@sha256:[0-9a-f]{64}$/.exec(imageRef) ?? []
  if (name === undefined) throw unavailable('without a container engine, only images of this machine can be run')
  const handle = path.join(imagesDir, name)
  const found = await folderDigest(handle).catch((cause: unknown) => {
    throw cause instanceof LeomaError ? cause : unavailable('it is not on this machine')
  })
  if (found.digest !== digest) throw unavailable('what is here has another digest')
  if (found.bytes > imageBytes)
    throw new LeomaError(
      'data',
      'IMAGE_TOO_LARGE',
      `the image has ${found.bytes} bytes unpacked, ${imageBytes} are allowed`,
    )
  return {name: {imageRef, digest}, handle, sizeBytes: found.bytes, contentSha256: digest, isNew: false}
}

/** `node` is where Node.js lies for the program. */
export async function commandOf(folder: string, node: string): Promise<readonly [string, ...string[]]> {
  try {
    const {cmd} = Manifest.parse(JSON.parse(await readFile(path.join(folder, manifestName), 'utf8')))
    const [first = '', ...rest] = cmd
    return [first === 'node' ? node : first, ...rest]
  } catch (cause) {
    throw new LeomaError('data', 'IMAGE_UNRUNNABLE', `the image has no readable ${manifestName}`, {cause})
  }
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, {recursive: true, withFileTypes: true})
  const files = entries.filter((entry) => !entry.isDirectory())
  if (files.length > maxFiles) throw unavailable(`it holds more than ${maxFiles} files`)
  return files.map((file) => path.relative(folder, path.join(file.parentPath, file.name))).sort()
}

const unavailable = (why: string) => new LeomaError('data', 'IMAGE_UNAVAILABLE', `the image cannot be had: ${why}`)
