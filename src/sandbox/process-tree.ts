import {readdir, readFile} from 'node:fs/promises'

export interface TreeUsage {
  /** Resident, of all processes, in bytes; what they share counts more than once. */
  readonly memoryBytes: number
  readonly processes: number
}

const pageBytes = 4096

/**
 * The processes that come from one: its descendants, and those that carry `mark` in their environment because their
 * parents are gone. A program that empties its environment and leaves its parent cannot be found so. Linux only; elsewhere
 * nobody is found.
 */
export async function treeOf(root: number | undefined, mark: string): Promise<number[]> {
  const all = await Promise.all((await numbers()).map(async (pid) => ({pid, ...(await lookAt(pid, mark))})))
  const found = new Set(all.filter(({pid, isMarked}) => pid === root || isMarked).map(({pid}) => pid))
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const {pid, parent} of all) if (parent !== undefined && found.has(parent)) found.add(pid)
  }
  found.delete(process.pid)
  return [...found]
}

export async function usageOf(pids: readonly number[]): Promise<TreeUsage> {
  const pages = await Promise.all(
    pids.map(async (pid) => Number((await read(`/proc/${pid}/statm`)).split(' ')[1] ?? 0)),
  )
  return {memoryBytes: pages.reduce((sum, own) => sum + own, 0) * pageBytes, processes: pids.length}
}

/** Stopped first, so that none can fork while the others are found; as often as it takes, within bounds. */
export async function killTree(root: number | undefined, mark: string): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const pids = await treeOf(root, mark)
    if (pids.length === 0) return
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of pids) signalTo(pid, signal)
  }
}

export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

async function numbers(): Promise<number[]> {
  if (process.platform !== 'linux') return []
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
}

async function lookAt(pid: number, mark: string): Promise<{parent: number | undefined; isMarked: boolean}> {
  const [stat, environment] = await Promise.all([read(`/proc/${pid}/stat`), read(`/proc/${pid}/environ`)])
  // The name stands in parentheses and may hold anything; the state and the parent follow the last one.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (state === undefined || state === 'Z') return {parent: undefined, isMarked: false}
  return {parent: Number(parent), isMarked: environment.split('\0').includes(mark)}
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1')
  } catch {
    return ''
  }
}
