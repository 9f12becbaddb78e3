import {execFileSync, spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import path from 'node:path'
import type {Measured} from './run.js'

const root = path.resolve(import.meta.dirname, '../..')
const mebibyte = 2 ** 20
const limitBytes = 400_000_000
const sampleMs = 250
/** The rounds before which the program is still filling its caches. */
const warmRounds = 5

interface Run {
  /** Largest resident size seen while each round was the last one settled, in bytes. */
  readonly peaks: readonly number[]
  readonly code: number | null
}

/**
 * Memory of the process that runs a whole subnet with every profile, the 300 MB body among them. ffmpeg's children are
 * not counted: they come and go. `LEOMA_BENCH_ROUNDS` shortens the run, which takes some twenty seconds a round.
 */
export async function bench(): Promise<Measured[]> {
  const rounds = Math.max(2, Number(process.env.LEOMA_BENCH_ROUNDS ?? 50))
  if (!existsSync(path.join(root, 'dist'))) throw new Error('build first: npm run build')
  const {peaks, code} = await watch(rounds)
  if (code !== 0) throw new Error(`leoma localnet ended with ${code}`)
  if (peaks.length < rounds) throw new Error(`${peaks.length} of ${rounds} rounds were seen to settle`)
  const most = Math.max(...peaks)
  // Three rounds each: how full the heap is when a round ends is chance.
  const warm = Math.min(warmRounds, Math.floor(rounds / 2))
  const early = Math.max(...peaks.slice(warm, warm + 3))
  const late = Math.max(...peaks.slice(-3))
  const mb = (bytes: number) => `${Math.round(bytes / mebibyte)} MiB`
  return [
    {
      name: 'localnet, memory with all profiles against 400 MB',
      ratio: most / limitBytes,
      limit: 1,
      note: `${mb(most)} at most in ${rounds} rounds`,
    },
    {
      name: `localnet, memory at round ${rounds} against round ${warm}`,
      ratio: late / early,
      limit: 1.1,
      note: `${mb(early)}, then ${mb(late)}`,
    },
  ]
}

function watch(rounds: number): Promise<Run> {
  const args = [path.join(root, 'bin/run.js'), 'localnet', '--rounds', String(rounds), '--port', '0', '--json']
  const child = spawn(process.execPath, args, {stdio: ['ignore', 'ignore', 'pipe']})
  const peaks = [0]
  const timer = setInterval(() => {
    const bytes = residentBytes(child.pid)
    peaks.push(Math.max(peaks.pop() ?? 0, bytes))
  }, sampleMs)
  let tail = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    tail += text
    const lines = tail.split('\n')
    tail = lines.pop() ?? ''
    for (const line of lines) if (line.includes('"type":"task-settled"')) peaks.push(0)
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      clearInterval(timer)
      resolve({peaks: peaks.filter((peak) => peak > 0), code})
    })
  })
}

/** As `ps` says it, which is the same on Linux and macOS; 0 once the process has gone. */
function residentBytes(pid: number | undefined): number {
  try {
    return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], {encoding: 'utf8'})) * 1024
  } catch {
    return 0
  }
}
