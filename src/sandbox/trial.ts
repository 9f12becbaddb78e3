import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {OpenedSandbox} from './open.js'
import type {Guarantee, Running, SandboxLimits} from './port.js'

const Told = z.object({
  network: z.boolean(),
  files: z.boolean(),
  input: z.boolean(),
  privileges: z.boolean(),
  output: z.boolean(),
})

const mebibyte = 1024 ** 2
const limits: SandboxLimits = {
  memoryBytes: 256 * mebibyte,
  cpus: 1,
  pids: 64,
  outputBytes: 16 * mebibyte,
  tmpBytes: 8 * mebibyte,
  logBytes: mebibyte,
  openFiles: 1024,
  imageBytes: 4096 * mebibyte,
  gpu: false,
}
const pollMs = 50
const waitMs = 30_000

export interface TrialResult {
  /** Promised and kept. */
  readonly kept: readonly Guarantee[]
  /** Promised and not kept: a fault of this machine that no score may be made with. */
  readonly broken: readonly Guarantee[]
}

/** Tries out, with an image made here, whether what the sandbox promises is so. */
export async function trySandbox(
  {sandbox, images}: Pick<OpenedSandbox, 'sandbox' | 'images'>,
  time: Pick<Clock, 'now' | 'sleep'>,
  signal: AbortSignal,
): Promise<TrialResult> {
  const program = await readFile(new URL('./trial.mjs', import.meta.url))
  const recipe = {name: 'leoma-trial', files: {'trial.mjs': program}, args: ['trial.mjs'] as const}
  const image = await sandbox.pull(await images.make(recipe, signal), limits, signal)
  const fill = sandbox.info.guarantees.includes('output') ? 'yes' : 'no'
  const withProgram = async <T>(trial: string, work: (running: Running) => Promise<T>): Promise<T> => {
    const running = await sandbox.start(image, {limits, env: {TRIAL: trial, FILL: fill}}, signal)
    try {
      return await work(running)
    } finally {
      await running.stop()
    }
  }
  const told = await withProgram('facts', (running) => read(running, time, signal))
  const isBounded = await withProgram('memory', (running) => endsItself(running, time, signal))
  const escaped: Record<string, boolean> = {...told, memory: !isBounded}
  const tried = sandbox.info.guarantees.filter((guarantee) => guarantee in escaped)
  return {kept: tried.filter((each) => escaped[each] === false), broken: tried.filter((each) => escaped[each] === true)}
}

async function read(
  running: Running,
  time: Pick<Clock, 'now' | 'sleep'>,
  signal: AbortSignal,
): Promise<z.infer<typeof Told>> {
  const until = time.now() + waitMs
  while (!(await running.has('told.json')) && !running.hasEnded && time.now() < until) await time.sleep(pollMs, signal)
  const folder = await mkdtemp(path.join(tmpdir(), 'leoma-trial-'))
  try {
    const to = path.join(folder, 'told.json')
    const taken = await running.take('told.json', to, 4096)
    if (taken.ok) return Told.parse(JSON.parse(await readFile(to, 'utf8')))
    const said = running.hasEnded ? `: ${(await running.ended).said.slice(-200)}` : ''
    throw new LeomaError('upstream', 'SANDBOX_FAILED', `a program in the sandbox said nothing${said}`)
  } finally {
    await rm(folder, {recursive: true, force: true})
  }
}

async function endsItself(running: Running, time: Pick<Clock, 'now' | 'sleep'>, signal: AbortSignal): Promise<boolean> {
  const until = time.now() + waitMs
  while (!running.hasEnded && time.now() < until) await time.sleep(pollMs, signal)
  return running.hasEnded
}
