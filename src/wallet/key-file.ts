import {randomBytes} from 'node:crypto'
import {type FileHandle, link, mkdir, open, rm} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'

/** Key files have about 700 bytes. */
const maxKeyFileBytes = 64 * 1024

const text = z.string().nullish()
export const KeyFile = z.object({
  ss58Address: z.string(),
  secretPhrase: text,
  secretSeed: text,
  privateKey: text,
})
export const PublicFile = z.object({ss58Address: z.string()})

export async function readPrivate(file: string, missing: () => Promise<LeomaError>): Promise<Buffer> {
  return readBounded(file, missing, async (handle) => {
    const {mode} = await handle.stat()
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw new LeomaError('auth', 'WALLET_EXPOSED', `${file} can be read by other users of this machine`, {
        hints: [`chmod 600 ${file}`],
      })
    }
  })
}

export async function readBounded(
  file: string,
  missing: () => Promise<LeomaError>,
  check?: (handle: FileHandle) => Promise<void>,
): Promise<Buffer> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if (isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR')) throw await missing()
    throw unreadable(file, 'it cannot be opened', error)
  }
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw unreadable(file, 'it is not a file')
    if (stat.size > maxKeyFileBytes) throw unreadable(file, `it has ${stat.size} bytes, a key file about 700`)
    await check?.(handle)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/** The parser's own message is left out: it quotes the text, which may hold a secret. */
export function parseJson<T>(schema: z.ZodType<T>, content: string, file: string): T {
  let json: unknown
  try {
    json = JSON.parse(content)
  } catch {
    throw unreadable(file, 'it is not JSON')
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const fields = parsed.error.issues.map((issue) => issue.path.join('.')).filter((field) => field !== '')
  throw unreadable(file, fields.length > 0 ? `its ${fields.join(', ')} cannot be read` : 'it is not a JSON object')
}

/**
 * Through a temporary file and a hard link: the link fails when the name is taken, so that two processes cannot replace
 * each other's key, and nobody ever sees half a file.
 */
export async function writeNew(file: string, content: string): Promise<void> {
  await mkdir(path.dirname(file), {recursive: true, mode: 0o700})
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`
  try {
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(content)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(temporary, file)
  } catch (error) {
    if (isCode(error, 'EEXIST')) {
      throw new LeomaError('usage', 'WALLET_EXISTS', `${file} exists and is not replaced`, {
        hints: ['choose another name'],
        cause: error,
      })
    }
    throw error
  } finally {
    await rm(temporary, {force: true})
  }
}

export function unreadable(file: string, why: string, cause?: unknown): LeomaError {
  return new LeomaError('auth', 'WALLET_UNREADABLE', `${file}: ${why}`, cause === undefined ? {} : {cause})
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
