import type {Hotkey} from '../../domain/ids.js'
import type {Answer} from '../../domain/task.js'
import type {SettledTask} from '../../domain/verdict.js'
import {
  compareOutputs,
  type DuplicateRule,
  duplicateGate,
  duplicatesAmong,
  see,
} from '../../mechanisms/video/duplicates.js'
import {defaults} from '../../mechanisms/video/params.js'
import {parseHash} from '../../mechanisms/video/video-hash.js'
import type {IntegrityFinding} from './findings.js'
import {meanOf, rankExcess} from './statistics.js'

/** What counts as a copy where the exam has no rule of its own: that of the shipped one. */
const rule: DuplicateRule = defaults.gates.duplicateOutputs ?? {maxShare: 0.3, minDeviation: 0.07, maxShift: 2}

/** Nearer to the hidden clip than this is what encoding it again gives, and no model. */
const footageDistance = 0.03
const footageShare = 0.8
const fewest = 5
/** Standard deviations: chance does it once in four thousand miners. */
const clearExcess = 3.5

type Look = ReturnType<typeof see>

/** Signs that can be read from what miners answered. `tasks` ascend. Yields every few milliseconds of work. */
export function* minerFindings(tasks: readonly SettledTask[]): Generator<void, IntegrityFinding[]> {
  const copied = yield* copiedOutputs(tasks)
  const reused = yield* reusedOutputs(tasks)
  return [...copied, ...reused, ...knownFootage(tasks), ...easyTasks(tasks)]
}

function looksOf({task}: SettledTask, isWanted: (answer: Answer) => boolean): Look[] {
  const {answers, clip} = task.manifest
  const hidden = clip.perceptualHash === undefined ? undefined : parseHash(clip.perceptualHash)
  return answers.flatMap((answer) => {
    const {hotkey, commitmentBlock, output} = answer
    if (!output || !isWanted(answer)) return []
    return [see({hotkey, commitmentBlock, sha256: output.sha256, perceptualHash: output.perceptualHash}, hidden, rule)]
  })
}

const delivered = ({outcome}: Answer) => outcome === 'ok' || outcome === `rejected:${duplicateGate}`

function* copiedOutputs(tasks: readonly SettledTask[]): Generator<void, IntegrityFinding[]> {
  const pairs = new Map<string, {copy: Hotkey; original: Hotkey; tasks: number[]; distances: number[]}>()
  for (const settled of tasks) {
    const {taskId, clip} = settled.task.manifest
    for (const {copy, original, distance} of duplicatesAmong(looksOf(settled, delivered), clip.perceptualHash, rule)) {
      const pair = pairs.get(`${copy} ${original}`) ?? {copy, original, tasks: [], distances: []}
      pair.tasks.push(taskId)
      pair.distances.push(distance)
      pairs.set(`${copy} ${original}`, pair)
    }
    yield
  }
  return [...pairs.values()].map(({copy, original, tasks: ids, distances}) => ({
    code: 'copied_output',
    subjects: [copy, original],
    tasks: ids,
    numbers: {tasks: ids.length, meanDistance: meanOf(distances)},
    sentence: `${copy} repeats the output of ${original}, who committed earlier, in ${times(ids.length)}`,
  }))
}

/** Earlier answers about a source that an answer is compared with, the newest of them: it takes 30 µs each. */
const maxPast = 64

/**
 * The same bytes under another task, or what an earlier task of the same source was answered with. Where the very same clip
 * was asked about twice, a miner that says the same twice is in order.
 */
function* reusedOutputs(tasks: readonly SettledTask[]): Generator<void, IntegrityFinding[]> {
  const bytes = new Map<string, {taskId: number; hotkey: Hotkey; clip: string}>()
  const bySource = new Map<string, {taskId: number; clip: string; look: Look}[]>()
  const found: IntegrityFinding[] = []
  for (const settled of tasks) {
    const {taskId, source, clip} = settled.task.manifest
    const looks = looksOf(settled, delivered)
    const past = bySource.get(source.sha256) ?? []
    const earlier = past.filter((one) => one.clip !== clip.sha256).slice(-maxPast)
    for (const look of looks) {
      const before = bytes.get(look.sha256)
      const same = before && before.clip !== clip.sha256 ? before : undefined
      yield
      const original = same ? undefined : earlier.find((one) => compareOutputs(one.look, look, rule))
      const alike = original && {taskId: original.taskId, hotkey: original.look.hotkey}
      const from = same ?? alike
      if (!from) continue
      found.push({
        code: 'reused_output',
        subjects: from.hotkey === look.hotkey ? [look.hotkey] : [look.hotkey, from.hotkey],
        tasks: [from.taskId, taskId],
        numbers: {sameBytes: same ? 1 : 0},
        sentence: `${look.hotkey} answers task ${taskId} with ${same ? 'the bytes of' : 'a copy of'} an answer to task ${from.taskId}`,
      })
    }
    for (const {sha256, hotkey} of looks) if (!bytes.has(sha256)) bytes.set(sha256, {taskId, hotkey, clip: clip.sha256})
    bySource.set(source.sha256, [...past, ...looks.map((look) => ({taskId, clip: clip.sha256, look}))])
  }
  return found
}

function knownFootage(tasks: readonly SettledTask[]): IntegrityFinding[] {
  const seen = new Map<Hotkey, {tasks: number[]; deviations: number[]}>()
  for (const settled of tasks) {
    const {clip, taskId} = settled.task.manifest
    if (clip.perceptualHash === undefined) continue
    for (const {hotkey, plain, deviation} of looksOf(settled, delivered)) {
      // Two is what is said of videos in which hardly anything moves.
      if (!plain || deviation === 2) continue
      const own = seen.get(hotkey) ?? {tasks: [], deviations: []}
      own.tasks.push(taskId)
      own.deviations.push(deviation)
      seen.set(hotkey, own)
    }
  }
  return [...seen].flatMap(([hotkey, {tasks: ids, deviations}]): IntegrityFinding[] => {
    const near = ids.filter((_, index) => (deviations[index] ?? 2) < footageDistance)
    if (ids.length < fewest || near.length < footageShare * ids.length) return []
    return [
      {
        code: 'known_footage',
        subjects: [hotkey],
        tasks: near,
        numbers: {outputs: ids.length, near: near.length, meanDistance: meanOf(deviations)},
        sentence: `${hotkey} returns the hidden clip itself in ${near.length} of ${times(ids.length)}: it seems to know the footage`,
      },
    ]
  })
}

/** Whether a miner is silent where the others fail. Difficulty is the share of the others' judged outputs that failed. */
function easyTasks(tasks: readonly SettledTask[]): IntegrityFinding[] {
  const rows = new Map<Hotkey, {silent: {id: number; hard: number}[]; answered: number[]}>()
  for (const {task, verdicts} of tasks) {
    const failed = new Map<Hotkey, boolean>()
    for (const {hotkey, outcome} of task.manifest.answers) if (outcome.startsWith('rejected:')) failed.set(hotkey, true)
    for (const {verdict} of verdicts) failed.set(verdict.miner, (failed.get(verdict.miner) ?? true) && !verdict.passed)
    for (const {hotkey, outcome} of task.manifest.answers) {
      const others = [...failed].filter(([miner]) => miner !== hotkey)
      if (others.length === 0) continue
      const hard = others.filter(([, isFailed]) => isFailed).length / others.length
      const row = rows.get(hotkey) ?? {silent: [], answered: []}
      if (outcome === 'ok' || outcome.startsWith('rejected:')) row.answered.push(hard)
      else row.silent.push({id: task.manifest.taskId, hard})
      rows.set(hotkey, row)
    }
  }
  return [...rows].flatMap(([hotkey, {silent, answered}]): IntegrityFinding[] => {
    if (silent.length < fewest || answered.length < fewest) return []
    const hard = silent.map((miss) => miss.hard)
    const excess = rankExcess(hard, answered)
    const [whenSilent, whenNot] = [meanOf(hard), meanOf(answered)]
    if (excess < clearExcess || whenSilent - whenNot < 0.15) return []
    return [
      {
        code: 'answers_easy_tasks',
        subjects: [hotkey],
        tasks: silent.map(({id}) => id),
        numbers: {
          silent: silent.length,
          answered: answered.length,
          othersFailSilent: whenSilent,
          othersFailAnswered: whenNot,
          excess,
        },
        sentence: `${hotkey} is silent where others fail: they failed ${percent(whenSilent)} of the tasks that it left out and ${percent(whenNot)} of the others`,
      },
    ]
  })
}

const times = (count: number) => `${count} task${count === 1 ? '' : 's'}`
const percent = (share: number) => `${(100 * share).toFixed(0)} %`
