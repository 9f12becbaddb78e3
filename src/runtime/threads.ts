import {availableParallelism} from 'node:os'
import {isMarkedAsUntransferable, Worker} from 'node:worker_threads'
import {LeomaError} from '../errors.js'
import {giveBack} from './memory.js'
import type {Done, Job} from './threads-program.js'

/**
 * Threads for arithmetic that would keep everybody else in the process waiting. They belong to the process like the
 * collector's: they start when there is work, and keep nobody from ending.
 */

/** A function that a thread can load for itself: an export of its module, under its own name. */
export interface Work<A extends readonly unknown[], R> {
  readonly module: string
  readonly here: (...args: A) => R
}

/** `module` is the `import.meta.url` of the file that exports `here` under its own name. */
export function workOf<A extends readonly unknown[], R>(module: string, here: (...args: A) => R): Work<A, R> {
  return {module, here}
}

/** Decoders are processes, and keep about three processors busy while one thread measures what comes out of them. */
const maxThreads = Math.max(1, Math.min(8, Math.floor(availableParallelism() / 2)))

interface Waiting {
  readonly done: (answer: unknown) => void
  readonly failed: (error: unknown) => void
}

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, Waiting>
}

const threads: Thread[] = []
let lastId = 0

/**
 * Does the work beside. Arguments and answer are copied, except the memory that is `lent`: it goes over as it is, and is
 * given back (see `memory.ts`) when the work has been done, so that whoever looks at it afterwards sees nothing.
 * Throws what the work threw (as an `Error` of no class of ours), `THREAD_ENDED` when the thread died under it, and the
 * signal's reason; then the work is finished all the same, and nobody hears of it.
 */
export async function beside<A extends readonly unknown[], R>(
  {module, here}: Work<A, R>,
  args: A,
  lent: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<R> {
  signal.throwIfAborted()
  const thread = idlest()
  if (!thread) {
    const answer = here(...args)
    for (const memory of lent) giveBack(memory)
    return answer
  }
  const {waiting, worker} = thread
  const id = ++lastId
  let stop = () => {}
  try {
    const answer = await new Promise<unknown>((resolve, reject) => {
      const buffers = buffersOf(lent)
      const job: Job = {id, module, name: here.name, args, lent: buffers}
      worker.postMessage(job, buffers)
      waiting.set(id, {done: resolve, failed: reject})
      worker.ref()
      stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop, {once: true})
    })
    return answer as R // What this very function answers there.
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Each once. Small ones lie in memory that Node shares out, and are copied. */
function buffersOf(lent: readonly Uint8Array[]): ArrayBuffer[] {
  const whole = lent.flatMap(({buffer}) =>
    buffer instanceof ArrayBuffer && !isMarkedAsUntransferable(buffer) ? [buffer] : [],
  )
  return [...new Set(whole)]
}

/** The one with the least to do; a new one while all are busy and there may be more. Undefined where none can be had. */
function idlest(): Thread | undefined {
  const least = threads.reduce<Thread | undefined>(
    (best, thread) => (best && best.waiting.size <= thread.waiting.size ? best : thread),
    undefined,
  )
  if (least && (least.waiting.size === 0 || threads.length >= maxThreads)) return least
  try {
    return start()
  } catch {
    return least
  }
}

function start(): Thread {
  const worker = new Worker(program(), {name: 'arithmetic', execArgv: isSource ? ['--import', fromSource] : []})
  const thread: Thread = {worker, waiting: new Map()}
  const end = (cause: unknown) => {
    const place = threads.indexOf(thread)
    if (place >= 0) threads.splice(place, 1)
    const error = new LeomaError('upstream', 'THREAD_ENDED', 'a thread of this program ended under its work', {
      ...{cause, retryable: true, hints: ['give the machine more memory if this happens again']},
    })
    for (const {failed} of thread.waiting.values()) failed(error)
    thread.waiting.clear()
  }
  worker.on('message', ({id, lent, ...done}: Done) => {
    for (const buffer of lent) giveBack(new Uint8Array(buffer))
    const waiting = thread.waiting.get(id)
    thread.waiting.delete(id)
    if (thread.waiting.size === 0) worker.unref()
    if ('error' in done) waiting?.failed(done.error)
    else waiting?.done(done.answer)
  })
  worker.on('error', end)
  worker.on('exit', end)
  // Only work that somebody waits for keeps the process. Not before `on`, which takes it back.
  worker.unref()
  threads.push(thread)
  return thread
}

const isSource = import.meta.url.endsWith('.ts')

function program(): URL {
  return new URL(`./threads-program.${isSource ? 'ts' : 'js'}`, import.meta.url)
}

/** From source Node takes the types away by itself, but the imports name the built files. */
export const fromSource = `data:text/javascript,${encodeURIComponent(`
  import {registerHooks} from 'node:module'
  registerHooks({resolve: (name, context, next) =>
    next(name.startsWith('.') && context.parentURL?.endsWith('.ts') ? name.replace(/[.]js$/, '.ts') : name, context)})
`)}`
