import {z} from 'zod'
import type {Parsed} from '../domain/commitment.js'
import type {Exam} from '../domain/exam.js'
import {LeomaError} from '../errors.js'
import {StateText} from './state-text.js'
import type {AnyMechanism, EvidenceKey, Mechanism, Rule} from './types.js'

/** Element by element; a prefix comes first. Numbers before text, so that the order is total. */
export function compareKeys(a: EvidenceKey, b: EvidenceKey): number {
  for (const [index, left] of a.entries()) {
    const right = b[index]
    if (right === undefined) return 1
    if (typeof left !== typeof right) return typeof left === 'number' ? -1 : 1
    if (left !== right) return left < right ? -1 : 1
  }
  return a.length - b.length
}

/** Hides a mechanism's own types behind JSON, so that shared services need not know them. */
export function close<Params, Submission, Evidence, State>(
  mechanism: Mechanism<Params, Submission, Evidence, State>,
): AnyMechanism {
  return {
    name: mechanism.name,
    version: mechanism.version,
    scope: mechanism.scope,
    defaults: mechanism.defaults,
    cast: mechanism.cast,
    services: mechanism.services,
    ...(mechanism.instrument && {instrument: mechanism.instrument}),
    ...(mechanism.submission.requests && {requests: mechanism.submission.requests.published}),
    parseSubmission: (text, author) => mechanism.submission.parse(text, author),
    identify: (text, author) => identify(mechanism, text, author),
    rule: (exam) => ruleOf(mechanism, exam),
  }
}

function identify<Params, Submission, Evidence, State>(
  {submission}: Mechanism<Params, Submission, Evidence, State>,
  text: string,
  author: string,
): Parsed<{text: string; identity: string}> {
  const parsed = submission.parse(text, author)
  if (!parsed.ok) return parsed
  const form = submission.format(parsed.value)
  return {ok: true, value: {text: form, identity: submission.requests?.identity(parsed.value) ?? form}}
}

function ruleOf<Params, Submission, Evidence, State>(
  mechanism: Mechanism<Params, Submission, Evidence, State>,
  exam: Exam,
): Rule {
  const params = paramsOf(mechanism, exam)
  const texts = new StateText()
  /** States that this rule made: nobody has to check them again. */
  const own = new WeakSet<object>()
  const keep = (state: State): State => {
    if (typeof state === 'object' && state !== null) own.add(state)
    return state
  }
  const isOwn = (json: unknown): json is State => typeof json === 'object' && json !== null && own.has(json)
  const load = (json: unknown): State => {
    if (isOwn(json)) return json
    const state = mechanism.state.safeParse(json)
    if (state.success) return keep(state.data)
    throw new LeomaError(
      'data',
      'STATE_UNSUPPORTED',
      `the stored state is not one of ${mechanism.name} ${mechanism.version}`,
      {
        hints: ['fold the evidence again from the beginning'],
        cause: state.error,
      },
    )
  }
  return {
    exam,
    settleBlocks: mechanism.settleBlocks(params),
    submissionWindowS: mechanism.submission.requests?.windowS(params) ?? 0,
    burnShare: mechanism.burnShare?.(params) ?? 0,
    memoryTasks: mechanism.memoryTasks?.(params),
    auditor: mechanism.auditor?.(params),
    initial: () => keep(mechanism.initial(params)),
    load,
    hash: (state) => texts.hash(state),
    text: (state) => texts.of(state),
    weigh: (state, view) => mechanism.weigh(load(state), view, params),
    replay: (json, logged) => {
      let state = load(json)
      const from = mechanism.watermark(state)
      const evidence = logged
        .flatMap((item) => mechanism.toEvidence(item))
        .map((piece) => ({piece, key: mechanism.key(piece)}))
        .sort((a, b) => compareKeys(a.key, b.key))
      let last = from
      for (const {piece, key} of evidence) {
        // At or below the watermark is settled; equal keys are the same piece twice, and the first one counts.
        if (last && compareKeys(key, last) <= 0) continue
        state = mechanism.fold(state, piece, params)
        last = key
      }
      // Written down now, while it is little: the next hash then only reads.
      texts.of(state)
      return keep(state)
    },
  }
}

/** The mechanism's parameters from an exam, or a reason why this program cannot sit it. */
export function paramsOf<Params>(
  mechanism: {readonly name: string; readonly version: number; readonly params: z.ZodType<Params>},
  exam: Exam,
): Params {
  const refuse = (why: string) =>
    new LeomaError('config', 'EXAM_UNSUPPORTED', `this program cannot run the exam of the owner: ${why}`, {
      hints: ['upgrade leoma'],
    })
  if (exam.mechanism !== mechanism.name) throw refuse(`it is for mechanism ${exam.mechanism}`)
  if (exam.mechanismVersion !== mechanism.version) {
    throw refuse(
      `it is for version ${exam.mechanismVersion} of ${mechanism.name}, this program has ${mechanism.version}`,
    )
  }
  const params = mechanism.params.safeParse(exam.params)
  if (!params.success) throw refuse(z.prettifyError(params.error))
  return params.data
}
