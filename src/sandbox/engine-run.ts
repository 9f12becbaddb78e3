import {readFile, rm, statfs} from 'node:fs/promises'
import {execa} from 'execa'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {MemoryGroup} from './cgroup.js'
import {type CliOptions, runCli} from './cli.js'
import type {EngineName} from './engine-args.js'
import {folderBytes} from './folder-size.js'
import type {Inbox} from './inbox.js'
import {Outbox} from './outbox.js'
import type {Ending, EndReason, Running, SandboxLimits} from './port.js'
import {Prints} from './prints.js'
import {vramOf} from './vram.js'
import {watch} from './watch.js'

export interface ContainerPlan {
  readonly engine: EngineName
  readonly cli: CliOptions
  readonly time: Pick<Clock, 'now' | 'sleep'>
  readonly log: Logger
  /** Of the container that was made and not started yet. */
  readonly name: string
  readonly job: string
  readonly inbox: Inbox
  /** Undefined when `/output` is memory inside. */
  readonly output: string | undefined
  readonly limits: SandboxLimits
  /** Arguments that end and remove the container. */
  readonly removal: readonly string[]
}

const shortMs = 60_000
const startMs = 120_000
const pollMs = 20
const goneMs = 10_000
const sampleMs = 100
const removals = 5
const removalPauseMs = 300
/** `TMPFS_MAGIC` of linux/magic.h. */
const tmpfs = 0x01021994

/** Starts the container and stays attached to it, so that its end is known at once. */
export async function runContainer(plan: ContainerPlan, signal: AbortSignal): Promise<Running> {
  const {cli, inbox, limits, log, name, time} = plan
  // Podman can make everything ready before the program's first instruction; with Docker the program has a start.
  const early = plan.engine === 'podman' ? await prepare(plan, signal) : undefined
  let reason: EndReason | undefined
  const end = (why: EndReason) => {
    reason ??= why
    return runCli(cli, ['kill', '--signal', 'KILL', name], {signal: new AbortController().signal, deadlineMs: shortMs})
  }
  const prints = new Prints(limits.logBytes, () => void end('printed-too-much').catch(() => {}))
  const child = execa(cli.program, ['start', '--attach', name], {
    ...(cli.cwd !== undefined && {cwd: cli.cwd}),
    ...{env: cli.env, extendEnv: false, stdin: 'ignore', buffer: false, reject: false, cleanup: true},
  })
  prints.read(child.stdout, child.stderr)
  let hasEnded = false
  const ended = child.then(async ({exitCode}): Promise<Ending> => {
    hasEnded = true
    const killed = reason ?? ((await wasOutOfMemory(plan)) ? 'out-of-memory' : 'exited')
    return {reason: killed, exitCode: exitCode ?? null, said: prints.said}
  })

  let removed: Promise<void> | undefined
  const watches: {stop(): Promise<void>}[] = []
  let inside = early
  const stop = async () => {
    reason ??= 'stopped'
    await Promise.all(watches.map((each) => each.stop()))
    const complaint = await remove(cli, plan.removal, time)
    // It is labelled, so the next sweep takes it.
    if (complaint !== undefined) log.warn({container: name, complaint}, 'a container could not be removed')
    await ended
    await inside?.outbox.close()
    await rm(plan.job, {recursive: true, force: true})
  }

  try {
    inside ??= await lookInside(plan, ended, () => hasEnded, signal)
    const {outbox, pid} = inside
    const memory = pid === undefined ? undefined : await MemoryGroup.of(pid)
    let vram: number | null = null
    if (memory) watches.push(watch(time, sampleMs, () => memory.sample()))
    if (limits.gpu && pid !== undefined)
      watches.push(
        watch(time, sampleMs, async () => {
          const now = await vramOf(pid)
          if (now !== null && now > (vram ?? 0)) vram = now
        }),
      )
    const {output} = plan
    if (output !== undefined)
      watches.push(
        watch(time, sampleMs, async () => {
          if ((await folderBytes(output)) > limits.outputBytes) await end('wrote-too-much')
        }),
      )
    return {
      ended,
      get hasEnded() {
        return hasEnded
      },
      put: (file, bytes) => inbox.put(file, bytes),
      remove: (file) => inbox.remove(file),
      has: (file) => outbox.has(file),
      take: (file, to, maxBytes) => outbox.take(file, to, maxBytes),
      usage: async () => ({peakMemoryBytes: memory?.peakBytes ?? null, peakVramBytes: vram}),
      stop: () => {
        removed ??= stop()
        return removed
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Inside {
  /** Number, on this machine, of the first process; undefined when it ended before it could be asked for. */
  readonly pid: number | undefined
  readonly outbox: Outbox
}

/** Namespaces, mounts and the first process are made, and it waits. */
async function prepare(plan: ContainerPlan, signal: AbortSignal): Promise<Inside> {
  const {ok, complaint} = await runCli(plan.cli, ['init', plan.name], {signal, deadlineMs: startMs})
  // Where it says no, its program or its folders are not such that anything could be made of them.
  if (!ok) throw new LeomaError('data', 'IMAGE_UNRUNNABLE', `no container can be made of the image: ${complaint}`)
  const pid = await pidOf(plan, signal)
  if (pid === undefined) throw unreachable()
  return {pid, outbox: await openOutput(plan, pid)}
}

async function lookInside(
  plan: ContainerPlan,
  ended: Promise<Ending>,
  hasEnded: () => boolean,
  signal: AbortSignal,
): Promise<Inside> {
  const {output, time} = plan
  const outside = output === undefined ? undefined : await Outbox.open(output)
  const until = time.now() + startMs
  while (!hasEnded() && time.now() < until) {
    const pid = await pidOf(plan, signal)
    if (pid === undefined) {
      await time.sleep(pollMs, signal)
      continue
    }
    if (outside) return {pid, outbox: outside}
    try {
      return {pid, outbox: await openOutput(plan, pid)}
    } catch (error) {
      // It has gone, and its engine will say so in a moment; else it must not be run blindly.
      if (!(await isSoon(ended, time))) throw error
    }
  }
  if (hasEnded()) return {pid: undefined, outbox: outside ?? Outbox.none}
  throw new LeomaError('upstream', 'SANDBOX_FAILED', `a container did not start within ${startMs / 1000} s`)
}

async function isSoon(ended: Promise<Ending>, time: Pick<Clock, 'sleep'>): Promise<boolean> {
  const patience = new AbortController()
  const waited = time.sleep(goneMs, patience.signal).then(
    () => false,
    () => false,
  )
  const first = await Promise.race([ended.then(() => true), waited])
  patience.abort()
  return first
}

async function pidOf({cli, name}: ContainerPlan, signal: AbortSignal): Promise<number | undefined> {
  const args = ['container', 'inspect', '--format', '{{.State.Pid}}', name]
  const {stdout} = await runCli(cli, args, {signal, deadlineMs: shortMs})
  const pid = Number(stdout.trim())
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
}

async function openOutput({output}: ContainerPlan, pid: number): Promise<Outbox> {
  if (output !== undefined) return Outbox.open(output)
  let outbox = Outbox.none
  try {
    outbox = await Outbox.open(`/proc/${pid}/root/output`)
    const {type} = await statfs(outbox.path ?? '')
    // Numbers of processes are given again: what was opened must be memory, and the process not one of ours.
    const own = await readFile('/proc/self/cgroup', 'utf8')
    if (type !== tmpfs || (await readFile(`/proc/${pid}/cgroup`, 'utf8')) === own) throw unreachable()
    await outbox.openToAll()
    return outbox
  } catch (cause) {
    await outbox.close()
    throw cause instanceof LeomaError ? cause : unreachable(cause)
  }
}

const unreachable = (cause?: unknown) =>
  new LeomaError('upstream', 'SANDBOX_FAILED', 'the output of a container cannot be reached', {cause})

/** As often as it takes: an engine that is still clearing up after the end says that something is busy. */
export async function remove(
  cli: CliOptions,
  removal: readonly string[],
  time: Pick<Clock, 'sleep'>,
): Promise<string | undefined> {
  const {signal} = new AbortController()
  for (let attempt = 1; ; attempt++) {
    const {ok, complaint} = await runCli(cli, removal, {signal, deadlineMs: shortMs})
    if (ok || attempt === removals) return ok ? undefined : complaint
    await time.sleep(removalPauseMs, signal)
  }
}

async function wasOutOfMemory({cli, name}: ContainerPlan): Promise<boolean> {
  const format = ['--format', '{{.State.OOMKilled}}']
  const options = {signal: new AbortController().signal, deadlineMs: shortMs}
  const {stdout} = await runCli(cli, ['container', 'inspect', ...format, name], options).catch(() => ({stdout: ''}))
  return stdout.trim() === 'true'
}
