import {hashOf} from '../../domain/canonical.js'
import {compareText} from '../../domain/ids.js'
import type {TaskManifest} from '../../domain/task.js'
import type {Verdict} from '../../domain/verdict.js'
import {LeomaError} from '../../errors.js'
import {aspects} from '../../judge/port.js'
import type {Difference, Exhibit, TaskAuditor} from '../audit.js'
import {Corpus, chooseClip} from './choose.js'
import {duplicateGate, duplicatesAmong} from './duplicates.js'
import {checkGates} from './gates.js'
import {kindOf, kinds} from './kinds.js'
import type {VideoParams} from './params.js'
import {overallOf, passes} from './scoring.js'
import {isSameHash} from './video-hash.js'

/** Everything of a video task that follows from its exam, its block and the published list of sources. */
export function videoAuditor(params: VideoParams): TaskAuditor {
  return {
    choiceTasks: params.clip.restTasks,
    list: ({source}) => ({key: `corpus/${source.corpusSha256}.json`, sha256: source.corpusSha256}),
    checkTask: (manifest, before) => checkTask(manifest, before, params),
    checkChoice: (manifest, earlier, list) => checkChoice(manifest, earlier, list, params),
    checkVerdict: (verdict, manifest) => checkVerdict(verdict, manifest, params),
    regate: async (exhibit, media, signal) => {
      const {outcome, output} = exhibit.answer
      if (outcome !== 'ok' && !outcome.startsWith('rejected:')) return undefined
      const result = await gatesAgain(exhibit, media, params, signal)
      if (!result.ok) return {outcome: `rejected:${result.gate}`, reason: result.reason}
      const said = output?.perceptualHash
      if (said !== undefined && !isSameHash(said, result.perceptualHash))
        return {outcome: 'another look', reason: 'the perceptual hash in the manifest is not that of these bytes'}
      // Whether it is a copy follows from the hashes of all outputs together, which `checkTask` compares.
      return {outcome: outcome === copyOutcome ? copyOutcome : 'ok', reason: ''}
    },
    rejudge: (exhibit, {media, judges}, signal) => rejudge(exhibit, media, judges, params, signal),
  }
}

const difference = (code: string, expected: unknown, found: unknown): Difference => ({
  code,
  expected: String(expected),
  found: String(found),
})

const copyOutcome = `rejected:${duplicateGate}`

/** Which outputs are copies, by the hashes that the sampler published of all of them. */
function checkCopies({answers, clip}: TaskManifest, {gates}: VideoParams): Difference[] {
  const rule = gates.duplicateOutputs
  const claimed = answers.filter(({outcome}) => outcome === copyOutcome).map(({hotkey}) => hotkey)
  const looks = answers.flatMap(({hotkey, commitmentBlock, outcome, output}) =>
    output && (outcome === 'ok' || outcome === copyOutcome)
      ? [{hotkey, commitmentBlock, sha256: output.sha256, perceptualHash: output.perceptualHash}]
      : [],
  )
  const found = rule ? duplicatesAmong(looks, clip.perceptualHash, rule).map(({copy}) => copy) : []
  const name = (hotkeys: readonly string[]) =>
    hotkeys.length === 0 ? 'no copy' : [...hotkeys].sort(compareText).join(', ')
  return name(found) === name(claimed) ? [] : [difference('COPIES', name(found), name(claimed))]
}

function checkTask(manifest: TaskManifest, before: TaskManifest | undefined, params: VideoParams): Difference[] {
  const {taskId, kind, block, source, firstFrame, answers} = manifest
  const differences: Difference[] = []
  const expect = (code: string, expected: unknown, found: unknown) => {
    if (expected !== found) differences.push(difference(code, expected, found))
  }
  expect('TASK_KIND', kindOf(taskId, params.kinds), kind)
  expect('CLIP_LENGTH', `${params.clip.durationS} s`, `${source.clipDurationS} s`)
  if (block.number % params.everyBlocks !== 0)
    differences.push(difference('TASK_BLOCK', `a multiple of ${params.everyBlocks}`, `block ${block.number}`))
  if (before && block.number <= before.block.number)
    differences.push(
      difference('TASK_BLOCK', `after block ${before.block.number} of task ${before.taskId}`, `block ${block.number}`),
    )
  expect('FIRST_FRAME', kinds[kind].sendsFrame ? 'one' : 'none', firstFrame ? 'one' : 'none')
  expect('ARTEFACT_KEY', `${taskId}/original_clip.mp4`, manifest.clip.key)
  if (firstFrame) expect('ARTEFACT_KEY', `${taskId}/first_frame.png`, firstFrame.key)
  for (const {hotkey, outcome, output} of answers) {
    if (output) expect('ARTEFACT_KEY', `${taskId}/generated_videos/${hotkey}.mp4`, output.key)
    else if (outcome === 'ok') differences.push(difference('OUTPUT_MISSING', `an output of ${hotkey}`, 'none'))
  }
  for (const [what, rows] of [
    ['answers', answers],
    ['voters', manifest.voters],
  ] as const) {
    const isSorted = rows.every(({hotkey}, at) => at === 0 || compareText(rows[at - 1]?.hotkey ?? '', hotkey) < 0)
    if (!isSorted) differences.push(difference('NOT_SORTED', `${what} by hotkey, each once`, 'another order'))
  }
  return [...differences, ...checkCopies(manifest, params)]
}

function checkChoice(
  {taskId, block, source}: TaskManifest,
  earlier: readonly TaskManifest[],
  list: unknown,
  {clip}: VideoParams,
): Difference[] {
  const corpus = Corpus.safeParse(list)
  if (!corpus.success) return [difference('LIST_INVALID', 'a list of sources', 'something else')]
  if (corpus.data.sceneThreshold !== clip.sceneThreshold)
    return [difference('LIST_INVALID', `scene threshold ${clip.sceneThreshold}`, corpus.data.sceneThreshold)]
  const recent = earlier.map((task) => task.source.sha256)
  const choice = chooseClip({blockHash: block.hash, taskId, corpus: corpus.data, recent}, clip)
  if (!choice) return [difference('CLIP_CHOICE', 'no task: no source of the list can be cut', source.key)]
  const {entry, index, window} = choice
  const expected = {
    source: entry.key,
    sha256: entry.sha256,
    index,
    sources: choice.corpusSize,
    durationS: entry.durationS,
    clipStartS: window.clipStartS,
    shotStartS: window.startS,
    shotEndS: window.endS,
    cuts: entry.cuts.length,
  }
  const found = {
    source: source.key,
    sha256: source.sha256,
    index: source.index,
    sources: source.corpusSize,
    durationS: source.durationS,
    clipStartS: source.clipStartS,
    shotStartS: source.shotStartS,
    shotEndS: source.shotEndS,
    cuts: source.cutCount,
  }
  if (hashOf(expected) === hashOf(found)) return []
  const differing = Object.keys(expected).filter(
    (key) => expected[key as keyof typeof expected] !== found[key as keyof typeof found], // Both have these keys.
  )
  const pick = (of: Record<string, unknown>) => differing.map((key) => `${key} ${String(of[key])}`).join(', ')
  return [difference('CLIP_CHOICE', pick(expected), pick(found))]
}

function checkVerdict(verdict: Verdict, _manifest: TaskManifest, {judge}: VideoParams): Difference | undefined {
  const {gate, passed, overall, judge: by} = verdict
  if (by.name !== judge.name || by.version !== judge.version)
    return difference('VERDICT_JUDGE', `${judge.name} ${judge.version}`, `${by.name} ${by.version}`)
  const said = `${passed ? 'passed' : 'failed'} with ${overall}`
  if (gate !== null) {
    return passed || overall !== 0 ? difference('VERDICT_SCORE', `failed with 0, for gate ${gate}`, said) : undefined
  }
  const missing = aspects.filter((aspect) => verdict.aspects[aspect] === undefined)
  if (missing.length > 0) return difference('VERDICT_SCORE', `a score for ${missing.join(', ')}`, 'none')
  const scores = Object.fromEntries(aspects.map((aspect) => [aspect, verdict.aspects[aspect] ?? 0])) as Record<
    (typeof aspects)[number],
    number
  > // Made from that very list.
  const own = overallOf(scores, judge.weights)
  const follows = `${passes(scores, own, judge) ? 'passed' : 'failed'} with ${own}`
  return follows === said ? undefined : difference('VERDICT_SCORE', `${follows}, from its own aspects`, said)
}

function gatesAgain(
  {manifest, output, firstFrame}: Exhibit,
  media: Parameters<TaskAuditor['regate']>[1],
  params: VideoParams,
  signal: AbortSignal,
) {
  const frame = firstFrame === undefined ? {} : {firstFrame}
  return checkGates(output, {media, params, kind: manifest.kind, ...frame}, signal)
}

async function rejudge(
  exhibit: Exhibit,
  media: Parameters<TaskAuditor['regate']>[1],
  judges: Parameters<TaskAuditor['rejudge']>[1]['judges'],
  params: VideoParams,
  signal: AbortSignal,
) {
  const {name, version, options, weights} = params.judge
  const judge = judges.find((candidate) => candidate.name === name && candidate.version === version)
  if (!judge) {
    throw new LeomaError('config', 'EXAM_UNSUPPORTED', `this program has no judge ${name} ${version}`, {
      hints: ['upgrade leoma'],
    })
  }
  const gates = await gatesAgain(exhibit, media, params, signal)
  if (!gates.ok) return {passed: false, overall: 0, gate: gates.gate}
  const {manifest, output, clip, firstFrame} = exhibit
  const {width, height, frames, fps} = params.request
  const scored = await judge.score(
    {
      ...{output, clip, firstFrame, prompt: manifest.prompt.text, frames, fps, width, height, options},
      criteria: params.judge,
      task: `audit of ${manifest.taskId}`,
    },
    signal,
  )
  const overall = overallOf(scored.aspects, weights)
  return {passed: passes(scored.aspects, overall, params.judge), overall, gate: null}
}
