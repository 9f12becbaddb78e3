import {readFile} from 'node:fs/promises'
import {execa} from 'execa'

/** Memory on NVIDIA cards by process of this machine, in bytes: lines of `pid, MiB`. What is no such line is left out. */
export function parseComputeApps(text: string): Map<number, number> {
  const used = new Map<number, number>()
  for (const line of text.split('\n')) {
    const [, pid, mebibytes] = /^\s*(\d+)\s*,\s*(\d+)\s*$/.exec(line) ?? []
    if (pid === undefined || mebibytes === undefined) continue
    used.set(Number(pid), (used.get(Number(pid)) ?? 0) + Number(mebibytes) * 1024 ** 2)
  }
  return used
}

/** What the processes of `pid`'s control group hold on the cards, in bytes; null when the driver does not say. */
export async function vramOf(pid: number, program = 'nvidia-smi'): Promise<number | null> {
  const args = ['--query-compute-apps=pid,used_memory', '--format=csv,noheader,nounits']
  const result = await execa(program, args, {reject: false, timeout: 5_000, maxBuffer: 1024 * 1024, stdin: 'ignore'})
  if (result.failed) return null
  const own = await groupOf(pid)
  if (own === undefined) return null
  let sum = 0
  for (const [other, bytes] of parseComputeApps(result.stdout)) if ((await groupOf(other)) === own) sum += bytes
  return sum
}

async function groupOf(pid: number): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/cgroup`, 'utf8')
  } catch {
    return undefined
  }
}
