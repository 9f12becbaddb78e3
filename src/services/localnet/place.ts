import {existsSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import path from 'node:path'
import {z} from 'zod'
import {Netuid} from '../../domain/ids.js'
import {LeomaError} from '../../errors.js'
import {writeJson} from './provision.js'

/** Which subnet of which chain of one's own a data folder belongs to; the embedded chain lies in the folder itself. */
const Place = z.object({genesis: z.string(), netuid: Netuid})
export type Place = z.infer<typeof Place>

const fileOf = (dataDir: string) => path.join(dataDir, 'chain.json')

/** Undefined for a folder in which nothing has been played on a chain of one's own. Throws `LOCALNET_ELSEWHERE`. */
export async function readPlace(dataDir: string): Promise<Place | undefined> {
  let text: string
  try {
    text = await readFile(fileOf(dataDir), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const place = Place.safeParse(parse(text))
  if (place.success) return place.data
  throw new LeomaError('data', 'LOCALNET_ELSEWHERE', `${fileOf(dataDir)} does not say which subnet this is`, {
    hints: ['begin another one with a new --data folder'],
    cause: place.error,
  })
}

export function writePlace(dataDir: string, place: Place): Promise<void> {
  return writeJson(fileOf(dataDir), place)
}

/** Stores of one chain make no sense on another. Throws `LOCALNET_ELSEWHERE`. */
export async function requireSameKind(dataDir: string, chain: 'embedded' | 'own'): Promise<void> {
  const hints = ['begin another one with a new --data folder']
  if (chain === 'embedded' && (await readPlace(dataDir))) {
    throw new LeomaError('usage', 'LOCALNET_ELSEWHERE', `${dataDir} belongs to a subnet on a chain of its own`, {
      hints: ['name its node again with --chain', ...hints],
    })
  }
  if (chain === 'own' && existsSync(path.join(dataDir, 'chain.db'))) {
    throw new LeomaError('usage', 'LOCALNET_ELSEWHERE', `${dataDir} belongs to a subnet on the embedded chain`, {
      hints: ['leave --chain out', ...hints],
    })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
