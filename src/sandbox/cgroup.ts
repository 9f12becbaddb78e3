import {readFile} from 'node:fs/promises'
import path from 'node:path'

const root = '/sys/fs/cgroup'

/** Memory of a control group as the kernel counts it; it has one whatever engine made it. */
export class MemoryGroup {
  readonly #folder: string
  readonly #keys: readonly string[]
  #peak = 0

  private constructor(folder: string, keys: readonly string[]) {
    this.#folder = folder
    this.#keys = keys
  }

  /** Of the process with this number; undefined when it has none of its own that can be read. */
  static async of(pid: number): Promise<MemoryGroup | undefined> {
    try {
      const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).split('\n')
      const first = lines.find((line) => /^\d+:memory:/.test(line))
      const unified = lines.find((line) => line.startsWith('0::'))
      const name = (line: string) => line.split(':').slice(2).join(':')
      const group = first
        ? new MemoryGroup(path.join(root, 'memory', name(first)), ['total_rss', 'total_shmem'])
        : new MemoryGroup(path.join(root, name(unified ?? '0::')), ['anon', 'shmem'])
      await group.sample()
      return group
    } catch {
      return undefined
    }
  }

  /** Largest sum so far of anonymous and shared memory (files in memory are in it, what is cached of disks is not). */
  get peakBytes(): number | null {
    return this.#peak === 0 ? null : this.#peak
  }

  async sample(): Promise<void> {
    const text = await readFile(path.join(this.#folder, 'memory.stat'), 'utf8')
    const sum = text.split('\n').reduce((total, line) => {
      const [key = '', value = '0'] = line.split(' ')
      return this.#keys.includes(key) ? total + Number(value) : total
    }, 0)
    this.#peak = Math.max(this.#peak, sum)
  }
}
