import {canonicalJson} from '../../domain/canonical.js'
import type {Hotkey} from '../../domain/ids.js'
import type {SettledTask, Verdict} from '../../domain/verdict.js'
import type {IntegrityFinding} from './findings.js'
import {binomialTail} from './statistics.js'

/** Chance of a false alarm about one validator and one miner. */
const unlikely = 1e-6
/** Honest judges differ on close cases this often at least, for all that is known. */
const leastDisagreement = 0.02
/** Verdicts in common before two validators are compared. */
const commonVerdicts = 20
const nearlyAll = 0.9
/** A judge that says the same to everybody anyway leaves nothing to copy. */
const sameByNature = 0.5

interface Judged {
  readonly taskId: number
  readonly miner: Hotkey
  readonly verdicts: readonly Verdict[]
  readonly stakes: ReadonlyMap<string, bigint>
}

/** Signs that can be read from what validators said of the same bytes. Yields every few milliseconds of work. */
export function* validatorFindings(tasks: readonly SettledTask[]): Generator<void, IntegrityFinding[]> {
  const outputs: Judged[] = []
  for (const task of tasks) {
    outputs.push(...outputsOf(task))
    yield
  }
  const against = yield* againstGates(outputs)
  const favoured = yield* favours(outputs)
  const different = yield* differences(outputs)
  const copied = yield* copies(outputs)
  return [...against, ...favoured, ...different, ...copied]
}

function outputsOf({task, verdicts}: SettledTask): Judged[] {
  const {taskId, voters} = task.manifest
  const stakes = new Map<string, bigint>(voters.map(({hotkey, stakeRao}) => [hotkey, BigInt(stakeRao)]))
  const byMiner = new Map<Hotkey, Verdict[]>()
  for (const {verdict} of verdicts) {
    const known = byMiner.get(verdict.miner)
    if (known) known.push(verdict)
    else byMiner.set(verdict.miner, [verdict])
  }
  return [...byMiner].map(([miner, own]) => ({taskId, miner, verdicts: own, stakes}))
}

const stakeOf = ({stakes}: Judged, verdicts: readonly Verdict[]): bigint =>
  verdicts.reduce((sum, {validator}) => sum + (stakes.get(validator) ?? 0n), 0n)

/** Gates are measured from the bytes alone: who passes what most of the others' stake sees rejected did not look. */
function* againstGates(outputs: readonly Judged[]): Generator<void, IntegrityFinding[]> {
  const found = new Map<Hotkey, {tasks: Set<number>; miners: Set<Hotkey>; count: number}>()
  for (const output of outputs) {
    yield
    for (const {validator, miner, passed} of output.verdicts) {
      if (!passed) continue
      const others = output.verdicts.filter((other) => other.validator !== validator)
      const gated = others.filter(({gate}) => gate !== null)
      if (gated.length === 0 || 2n * stakeOf(output, gated) <= stakeOf(output, others)) continue
      const own = found.get(validator) ?? {tasks: new Set(), miners: new Set(), count: 0}
      own.tasks.add(output.taskId)
      own.miners.add(miner)
      own.count++
      found.set(validator, own)
    }
  }
  return [...found].map(([validator, {tasks, miners, count}]) => ({
    code: 'vote_against_gates',
    subjects: [validator, ...miners],
    tasks: [...tasks],
    numbers: {verdicts: count},
    sentence: `${validator} passes ${count} outputs that the gates of the other validators reject`,
  }))
}

function* favours(outputs: readonly Judged[]): Generator<void, IntegrityFinding[]> {
  /** By validator and miner: verdicts where the others failed it, and those of them that passed it all the same. */
  const counts = new Map<Hotkey, Map<Hotkey, {failed: number; passed: number; tasks: number[]}>>()
  for (const output of outputs) {
    yield
    for (const {validator, miner, passed} of output.verdicts) {
      const others = output.verdicts.filter((other) => other.validator !== validator)
      const against = others.filter((other) => !other.passed)
      if (others.length === 0 || 2n * stakeOf(output, against) <= stakeOf(output, others)) continue
      const own = counts.get(validator) ?? new Map<Hotkey, {failed: number; passed: number; tasks: number[]}>()
      counts.set(validator, own)
      const row = own.get(miner) ?? {failed: 0, passed: 0, tasks: []}
      row.failed++
      if (passed) {
        row.passed++
        row.tasks.push(output.taskId)
      }
      own.set(miner, row)
    }
  }
  return [...counts].flatMap(([validator, byMiner]) => {
    const all = {failed: 0, passed: 0}
    for (const {failed, passed} of byMiner.values()) {
      all.failed += failed
      all.passed += passed
    }
    return [...byMiner].flatMap(([miner, {failed, passed, tasks}]): IntegrityFinding[] => {
      const restFailed = all.failed - failed
      const usual = restFailed === 0 ? 0 : (all.passed - passed) / restFailed
      const rate = Math.min(0.98, Math.max(leastDisagreement, usual))
      const chance = passed === 0 ? 1 : binomialTail(passed, failed, rate)
      if (chance >= unlikely) return []
      return [
        {
          code: 'favoured_miner',
          subjects: [validator, miner],
          tasks,
          numbers: {passed, failedByOthers: failed, usual, chance},
          sentence: `${validator} passed ${passed} of ${failed} outputs of ${miner} that the others failed; of other miners' ${(100 * usual).toFixed(0)} %`,
        },
      ]
    })
  })
}

/** What a validator would say again of the same bytes: everything but its name. */
const said = ({passed, overall, aspects, confidence, gate, reasoning}: Verdict): string =>
  canonicalJson({passed, overall, aspects, confidence, gate, reasoning})

/** Under a judge that measures, all who say the truth say the same: who does not say it alone. */
function* differences(outputs: readonly Judged[]): Generator<void, IntegrityFinding[]> {
  const found = new Map<Hotkey, {tasks: Set<number>; count: number; judged: number}>()
  for (const output of outputs) {
    yield
    if (output.verdicts.length < 3 || output.verdicts.some(({judge}) => judge.name !== 'reference')) continue
    const texts = new Map<string, Verdict[]>()
    for (const verdict of output.verdicts) {
      const text = said(verdict)
      texts.set(text, [...(texts.get(text) ?? []), verdict])
    }
    const all = stakeOf(output, output.verdicts)
    const agreed = [...texts].find(([, verdicts]) => 2n * stakeOf(output, verdicts) > all)?.[0]
    for (const [text, verdicts] of texts)
      for (const {validator} of verdicts) {
        const own = found.get(validator) ?? {tasks: new Set(), count: 0, judged: 0}
        own.judged++
        if (agreed !== undefined && text !== agreed) {
          own.count++
          own.tasks.add(output.taskId)
        }
        found.set(validator, own)
      }
  }
  return [...found].flatMap(([validator, {tasks, count, judged}]): IntegrityFinding[] =>
    count === 0
      ? []
      : [
          {
            code: 'differs_from_judge',
            subjects: [validator],
            tasks: [...tasks],
            numbers: {differing: count, judged},
            sentence: `${validator} says something else than most of the stake in ${count} of ${judged} verdicts, under a judge that says the same to all`,
          },
        ],
  )
}

/** Two that say the same to the letter, under a judge that otherwise never does. */
function* copies(outputs: readonly Judged[]): Generator<void, IntegrityFinding[]> {
  const pairs = new Map<string, {a: Hotkey; b: Hotkey; common: number; same: number; tasks: Set<number>}>()
  for (const {taskId, verdicts} of outputs) {
    yield
    // A gate is measured, so all say the same of what it rejects.
    const judged = verdicts
      .filter(({gate}) => gate === null)
      .map((verdict) => ({...pick(verdict), text: said(verdict)}))
    for (const [i, one] of judged.entries())
      for (const other of judged.slice(i + 1)) {
        const [a, b] = one.validator < other.validator ? [one, other] : [other, one]
        const key = `${a.validator} ${b.validator}`
        const pair = pairs.get(key) ?? {a: a.validator, b: b.validator, common: 0, same: 0, tasks: new Set<number>()}
        pair.common++
        if (a.text === b.text) {
          pair.same++
          pair.tasks.add(taskId)
        }
        pairs.set(key, pair)
      }
  }
  const shares = [...pairs.values()].filter(({common}) => common >= commonVerdicts)
  const sorted = shares.map(({same, common}) => same / common).sort((x, y) => x - y)
  const usual = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  // Of a single pair nobody knows what is usual.
  if (shares.length < 3 || usual >= sameByNature) return []
  return shares
    .filter(({same, common}) => same >= nearlyAll * common)
    .map(({a, b, same, common, tasks}) => ({
      code: 'copied_verdicts',
      subjects: [a, b],
      tasks: [...tasks],
      numbers: {same, common, usual},
      sentence: `${a} and ${b} say the same to the letter in ${same} of ${common} verdicts; other pairs do in ${(100 * usual).toFixed(0)} %`,
    }))
}

const pick = ({validator}: Verdict) => ({validator})
