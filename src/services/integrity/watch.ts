import type {TaskId} from '../../domain/ids.js'
import type {SignedManifest} from '../../domain/task.js'
import type {SettledTask, SignedVerdict} from '../../domain/verdict.js'
import type {Clock} from '../../runtime/clock.js'
import type {Logger} from '../../runtime/logger.js'
import {nextSettled, type SettledTexts} from '../../store/evidence.js'
import {listTaskFigures} from '../../store/figures.js'
import {getMeta, setMeta} from '../../store/meta.js'
import type {Store} from '../../store/open.js'
import {type IntegrityFinding, IntegritySigns} from './findings.js'
import {integrityFindings} from './integrity.js'
import {maxVerdicts} from './recent.js'

/**
 * Raised whenever other signs are looked for, or in another way: what a program before an upgrade found is then looked for
 * again, although no task has settled since.
 */
const signsVersion = 2
const key = `integrity ${signsVersion}`
const window = 100

export interface WatchDeps {
  readonly store: Store
  readonly time: Pick<Clock, 'sleep'>
  readonly log: Logger
}

/**
 * Looks through the newest tasks when another one has settled, keeps what it found for everybody to read, and says in the
 * log what it had not found before.
 */
export async function watchIntegrity({store, time, log}: WatchDeps, signal: AbortSignal): Promise<void> {
  const before = lastSigns(store)
  // Tasks settle in order, so nothing after the last one is nothing new.
  if (before && !nextSettled(store, before.to)) return
  const tasks: SettledTask[] = []
  for (let after = startOf(store) - 1; ; ) {
    const texts = nextSettled(store, after)
    if (!texts) break
    after = texts.taskId
    tasks.push(await parsed(texts, () => time.sleep(0, signal)))
  }
  const [from, to] = [tasks[0]?.task.manifest.taskId, tasks.at(-1)?.task.manifest.taskId]
  if (from === undefined || to === undefined) return
  const findings = await integrityFindings(tasks, () => time.sleep(0, signal))
  const signs: IntegritySigns = {from, to, tasks: tasks.length, findings}
  store.sql.transaction(() => {
    setMeta(store, key, JSON.stringify(signs))
    store.changes.bump('integrity')
  })
  const known = new Set(before?.findings.map(nameOf))
  for (const finding of findings) {
    const {code, subjects, numbers, sentence} = finding
    if (!known.has(nameOf(finding))) log.warn({code, subjects, numbers}, sentence)
  }
}

const nameOf = ({code, subjects}: IntegrityFinding) => `${code} ${subjects.join()}`

/** The oldest of the newest settled tasks that are looked through at once. */
function startOf(store: Store): TaskId {
  const [newest, ...older] = listTaskFigures(store, {limit: window})
  let start = newest?.taskId ?? 1
  let verdicts = newest?.verdicts ?? 0
  for (const figures of older) {
    verdicts += figures.verdicts
    if (verdicts > maxVerdicts) break
    start = figures.taskId
  }
  return start
}

/**
 * Put together from what was checked when it was taken in: doing so again would hold up requests for twice as long. They are
 * answered between two pieces.
 */
async function parsed(
  {manifest, settledAtBlock, verdicts}: SettledTexts,
  pause: () => Promise<void>,
): Promise<SettledTask> {
  const all: SettledTask['verdicts'] = []
  for (const piece of verdicts()) {
    for (const text of piece) all.push(JSON.parse(text) as SignedVerdict)
    await pause()
  }
  return {task: JSON.parse(manifest) as SignedManifest, verdicts: all, settledAtBlock}
}

/** What the last look found; it outlives a restart. */
export function lastSigns(store: Store): IntegritySigns | undefined {
  const text = getMeta(store, key)
  if (text === undefined) return undefined
  // What a version with other words wrote is looked for again.
  const parsed = IntegritySigns.safeParse(JSON.parse(text))
  return parsed.success ? parsed.data : undefined
}
