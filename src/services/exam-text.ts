import type {Exam} from '../domain/exam.js'

/** What changes between two exams. */
export interface ExamChange {
  /** Path of the parameter, such as `ranking.window`. */
  readonly parameter: string
  readonly before: string | null
  readonly after: string | null
  /** What it is and what the change does; null for a parameter that nobody has written about. */
  readonly meaning: string | null
}

/** One sentence for each parameter of an exam that people ask about; the rest is what its name says. */
const meanings: Readonly<Record<string, string>> = {
  version: 'form of the document',
  mechanism: 'what is examined',
  mechanismVersion: 'version of the rule; a program of another version cannot run the exam',
  netuid: 'subnet',
  fromTask: 'first task of this exam; no window mixes tasks of two exams',
  samplers: 'hotkeys whose signature makes a task',
  'params.kinds': 'kinds of tasks, in turn: text and frame (ti2v), text (t2v), frame (i2v)',
  'params.everyBlocks': 'blocks between two tasks; the hash of such a block chooses the clip',
  'params.clip.durationS': 'seconds of footage that a task is cut from',
  'params.clip.sceneThreshold': 'change between two frames that counts as a cut, 0 to 1',
  'params.clip.boundaryMarginS': 'seconds kept away from a cut',
  'params.clip.safeStartOffsetS': 'seconds after the beginning of a shot before a clip may begin',
  'params.clip.restTasks': 'tasks before a source is used again',
  'params.clip.minSourceBytes': 'smaller sources are not used',
  'params.clip.maxSourceBytes': 'larger sources are not used',
  'params.request.width': 'pixels that a miner must deliver',
  'params.request.height': 'pixels that a miner must deliver',
  'params.request.frames': 'frames that a miner must deliver',
  'params.request.fps': 'frames per second',
  'params.request.deadlineMs': 'milliseconds that a miner has for an answer',
  'params.request.maxBytes': 'a larger answer is rejected',
  'params.gates.containers': 'file formats that are taken',
  'params.gates.codecs': 'video codecs that are taken',
  'params.gates.sizeTolerance': 'pixels by which width and height may be off',
  'params.gates.fpsTolerance': 'frames per second by which an answer may be off',
  'params.gates.extraFrames': 'frames more than asked for that are taken',
  'params.gates.minMotion': 'less motion than this counts as a still picture; higher is stricter',
  'params.gates.maxFirstFrameDistance':
    'an answer that begins further from the given frame is rejected; lower is stricter',
  'params.gates.maxHeldShare': 'an answer that holds or repeats more of its frames than this is rejected, 0 to 1',
  'params.gates.minDetail': 'an answer that keeps less than this of the detail it should have is rejected, 0 to 1',
  'params.gates.duplicateOutputs': "when an output counts as a copy of an earlier-committed miner's",
  'params.judge.name': 'who judges; two judges are two exams',
  'params.judge.version': 'version of the judge',
  'params.judge.options': 'how the judge judges',
  'params.judge.weights': 'weight of each aspect in the overall score; they sum to 1',
  'params.judge.passThreshold': 'overall score from which an output passes, 0 to 100; higher is stricter',
  'params.judge.criticalThreshold': 'an output fails below this in a critical aspect, 0 to 100; higher is stricter',
  'params.judge.critical': 'aspects in which a low score fails an output by itself',
  'params.deployment': 'what ties a deployment to the model that was committed',
  'params.ranking.rule': 'how the winner is chosen',
  'params.ranking.window': 'newest settled tasks that count',
  'params.ranking.memory': 'tasks that are remembered beyond the window',
  'params.ranking.minTasks': 'settled tasks before anybody is ranked',
  'params.ranking.completeness': 'share of the tasks that a miner must be judged in to be ranked, 0 to 1',
  'params.ranking.dominance': 'lead in pass rate that a later miner needs over every earlier one, 0 to 1',
  'params.ranking.oddsAgainst': 'how surely a later miner must be better: chance may explain its lead once in so many',
  'params.ranking.minPassed': 'a winner must have passed this often',
  'params.ranking.forgivenMisses': 'answers that did not come and are not held against a miner, per window',
  'params.ranking.settleBlocks': 'blocks that validators have for their verdicts',
}

/** Every parameter that differs, in the order of the first exam, new ones last. */
export function examChanges(before: Exam, after: Exam): ExamChange[] {
  const [old, now] = [leaves(before), leaves(after)]
  return [...new Set([...old.keys(), ...now.keys()])]
    .filter((parameter) => old.get(parameter) !== now.get(parameter))
    .map((parameter) => ({
      parameter,
      before: old.get(parameter) ?? null,
      after: now.get(parameter) ?? null,
      meaning: meaningOf(parameter),
    }))
}

/** Every parameter with its value as text and what it means. */
export function examRows(exam: Exam): {parameter: string; value: string; meaning: string | null}[] {
  return [...leaves(exam)].map(([parameter, value]) => ({parameter, value, meaning: meaningOf(parameter)}))
}

/** Of itself, or of the nearest part above it that somebody has written about. */
function meaningOf(parameter: string): string | null {
  const parts = parameter.split('.')
  for (let length = parts.length; length > 0; length--) {
    const found = meanings[parts.slice(0, length).join('.')]
    if (found !== undefined) return found
  }
  return null
}

/** Lists are one value: what changes in one is seen best beside the whole. */
function leaves(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new Map([[path, typeof value === 'string' ? value : JSON.stringify(value)]])
  const inner = Object.entries(value).flatMap(([key, item]) => [...leaves(item, path === '' ? key : `${path}.${key}`)])
  return new Map(inner.length === 0 ? [[path, '{}']] : inner)
}
