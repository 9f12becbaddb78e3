import {readFile, rm, statfs} from 'node:fs/promises'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {folderBytes} from './folder-size.js'
import type {Inbox} from './inbox.js'
import {Outbox} from './outbox.js'
import type {Ending, EndReason, Running, SandboxLimits} from './port.js'
import {Prints} from './prints.js'
import {killTree, treeOf, usageOf} from './process-tree.js'
import {watch} from './watch.js'

export interface LocalPlan {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  readonly job: string
  readonly inbox: Inbox
  readonly limits: SandboxLimits
  /** `NAME=value` in the environment of every process of the run. */
  readonly mark: string
  /** A folder of this machine; undefined when it is memory inside. */
  readonly output?: string
  /** Whether the program is in namespaces of its own, below the process that is started. */
  readonly inside: boolean
  readonly signal: AbortSignal
}

const sampleMs = 100
const pollMs = 10
const startMs = 10_000
/** `TMPFS_MAGIC` of linux/magic.h. */
const tmpfs = 0x01021994

/** Runs a program with whatever this system can keep without a control group: what goes beyond is seen and ended. */
export async function runLocal(plan: LocalPlan): Promise<Running> {
  const {inbox, limits, mark, time} = plan
  const [markName = '', markValue = ''] = mark.split('=')
  let reason: EndReason | undefined
  let pid: number | undefined
  const end = async (why: EndReason) => {
    reason ??= why
    await killTree(pid, mark)
  }
  const prints = new Prints(limits.logBytes, () => void end('printed-too-much').catch(() => {}))
  const child = execa(plan.program, plan.args, {
    ...{cwd: plan.cwd, extendEnv: false, stdin: 'ignore', buffer: false, reject: false, cleanup: true},
    env: {...plan.env, [markName]: markValue},
  })
  pid = child.pid
  prints.read(child.stdout, child.stderr)
  let hasEnded = false
  const ended = (async (): Promise<Ending> => {
    // Its pipes may be held open by a process that it left behind: the end of the program is what counts.
    const exitCode = await new Promise<number | null>((resolve) => {
      child.nodeChildProcess.once('exit', resolve)
      child.nodeChildProcess.once('error', () => resolve(null))
    })
    hasEnded = true
    // From here on the number may be another program's.
    pid = undefined
    await killTree(pid, mark)
    return {reason: reason ?? 'exited', exitCode, said: prints.said}
  })()
  if (pid === undefined) throw await unrunnable(child)

  let peak = 0
  const look = async () => {
    const {memoryBytes, processes} = await usageOf(await treeOf(pid, mark))
    peak = Math.max(peak, memoryBytes)
    if (memoryBytes > limits.memoryBytes) await end('out-of-memory')
    else if (processes > limits.pids) await end('too-many-processes')
    else if (plan.output !== undefined && (await folderBytes(plan.output)) > limits.outputBytes)
      await end('wrote-too-much')
  }
  const looks = watch(time, sampleMs, look)
  let outbox = Outbox.none
  let stopped: Promise<void> | undefined
  const stop = async () => {
    reason ??= 'stopped'
    await looks.stop()
    await killTree(pid, mark)
    await ended
    await outbox.close()
    await rm(plan.job, {recursive: true, force: true, maxRetries: 3})
  }
  try {
    outbox = plan.output === undefined ? await openInside(plan, pid, () => hasEnded) : await Outbox.open(plan.output)
    return {
      ended,
      get hasEnded() {
        return hasEnded
      },
      put: (file, bytes) => inbox.put(file, bytes),
      remove: (file) => inbox.remove(file),
      has: (file) => outbox.has(file),
      take: (file, to, maxBytes) => outbox.take(file, to, maxBytes),
      usage: async () => {
        // One that is quick may be done between two looks.
        if (!hasEnded) await look()
        return {peakMemoryBytes: peak === 0 ? null : peak, peakVramBytes: null}
      },
      stop: () => {
        stopped ??= stop()
        return stopped
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function unrunnable(child: PromiseLike<{readonly code?: string | undefined}>): Promise<LeomaError> {
  const {code} = await child
  return new LeomaError(
    'data',
    'IMAGE_UNRUNNABLE',
    `the image's program cannot be started (${code ?? 'unknown reason'})`,
  )
}

/** The memory behind `/output`, as soon as the first process inside has it. */
async function openInside({signal, time}: LocalPlan, outer: number, hasEnded: () => boolean): Promise<Outbox> {
  const until = time.now() + startMs
  while (!hasEnded() && time.now() < until) {
    const [inner] = (await children(outer)) ?? []
    const outbox = inner === undefined ? undefined : await tryOpen(inner)
    if (outbox) return outbox
    await time.sleep(pollMs, signal)
  }
  if (hasEnded()) return Outbox.none
  throw new LeomaError('upstream', 'SANDBOX_FAILED', `bubblewrap did not start within ${startMs / 1000} s`)
}

async function tryOpen(pid: number): Promise<Outbox | undefined> {
  const outbox = await Outbox.open(`/proc/${pid}/root/output`).catch(() => undefined)
  const kind = outbox && (await statfs(outbox.path ?? '').catch(() => undefined))
  if (kind?.type === tmpfs) return outbox
  await outbox?.close()
  return undefined
}

async function children(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').flatMap((number) => (number === '' ? [] : [Number(number)]))
}
