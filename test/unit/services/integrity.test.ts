import {describe, expect, it} from 'vitest'
import {AuditFinding} from '../../../src/domain/audit.js'
import type {Answer} from '../../../src/domain/task.js'
import type {SettledTask, Verdict} from '../../../src/domain/verdict.js'
import {Findings} from '../../../src/services/audit/findings.js'
import {checkIntegrity} from '../../../src/services/audit/signs.js'
import {IntegrityFinding} from '../../../src/services/integrity/findings.js'
import {inspectIntegrity, integrityFindings} from '../../../src/services/integrity/integrity.js'
import {RecentTasks} from '../../../src/services/integrity/recent.js'
import {binomialTail, rankExcess} from '../../../src/services/integrity/statistics.js'
import {aHotkey, aSettledTask, aSha, type TaskSetup} from '../../helpers/video.js'

const stakes = {u: 100n, v: 100n, w: 100n}
const everybody = Object.keys(stakes)

/** Tasks 1 to `count`; by default three validators pass every miner that delivers, in the same words. */
function season(count: number, setup: (taskId: number) => Partial<TaskSetup>): SettledTask[] {
  return Array.from({length: count}, (_, index) => {
    const given = {outcomes: {a: 'ok', b: 'ok'}, ...setup(index + 1)} as const
    const asked = Object.entries(given.outcomes).flatMap(([name, outcome]) => (outcome === 'ok' ? [name] : []))
    const votes =
      given.votes ?? everybody.flatMap((validator) => asked.map((miner) => [validator, miner, true] as const))
    const task = aSettledTask({stakes, ...given, taskId: index + 1, votes})
    // Outputs of different tasks are different bytes.
    return withAnswers(task, (answer) => answer)
  })
}

function withAnswers(settled: SettledTask, change: (answer: Answer) => Answer): SettledTask {
  const {manifest} = settled.task
  return {...settled, task: {...settled.task, manifest: {...manifest, answers: manifest.answers.map(change)}}}
}

function withVerdicts(settled: SettledTask, change: (verdict: Verdict) => Partial<Verdict>): SettledTask {
  const verdicts = settled.verdicts.map((signed) => ({
    ...signed,
    verdict: {...signed.verdict, ...change(signed.verdict)},
  }))
  return {...settled, verdicts}
}

const findingsIn = (tasks: readonly SettledTask[]) => integrityFindings(tasks, async () => {})
const codesOf = async (tasks: readonly SettledTask[]) => (await findingsIn(tasks)).map(({code}) => code)

describe('nothing is found', () => {
  it('among honest miners and validators that agree', async () => {
    expect(await codesOf(season(40, () => ({})))).toEqual([])
  })

  it('in silence by chance, however often', async () => {
    const tasks = season(60, (taskId) => ({
      outcomes: {a: 'ok', b: taskId % 3 === 0 ? 'transient' : 'ok', c: 'ok'},
      votes: everybody.flatMap((validator) => [
        [validator, 'a', taskId % 2 === 0] as const,
        [validator, 'c', taskId % 5 !== 0] as const,
        ...(taskId % 3 === 0 ? [] : [[validator, 'b', true] as const]),
      ]),
    }))

    expect(await codesOf(tasks)).toEqual([])
  })

  it('in a few verdicts on which honest judges differ', async () => {
    const tasks = season(40, (taskId) => ({
      votes: everybody.flatMap((validator) => [
        [validator, 'a', taskId > 4 || validator === 'u'] as const,
        [validator, 'b', taskId > 3 || validator === 'u'] as const,
      ]),
    })).map((task) =>
      withVerdicts(task, ({validator}) => ({
        judge: {name: 'openai', version: 1},
        reasoning: `${validator} ${task.task.manifest.taskId}`,
      })),
    )

    expect(await codesOf(tasks)).toEqual([])
  })

  it('in the same answer to a clip that is asked about twice', async () => {
    const [first, second] = season(2, () => ({})) as [SettledTask, SettledTask] // Two were asked for.
    const {clip, answers} = first.task.manifest
    const again = withAnswers(second, (answer) => answers.find(({hotkey}) => hotkey === answer.hotkey) ?? answer)
    const manifest = {...again.task.manifest, clip}

    expect(await codesOf([first, {...again, task: {...again.task, manifest}}])).toEqual([])
  })

  it('in nothing', async () => {
    expect(await codesOf([])).toEqual([])
  })
})

describe('miners', () => {
  it('that return the bytes of another are named with their original', async () => {
    const tasks = season(3, () => ({})).map((settled) =>
      withAnswers(settled, (answer) => ({
        ...answer,
        commitmentBlock: answer.hotkey === aHotkey('a') ? 5 : 9,
        output: {...(answer.output as NonNullable<Answer['output']>), sha256: aSha(`${settled.task.manifest.taskId}`)},
      })),
    )

    expect(await findingsIn(tasks)).toMatchObject([
      {code: 'copied_output', subjects: [aHotkey('b'), aHotkey('a')], tasks: [1, 2, 3], numbers: {tasks: 3}},
    ])
  })

  it('that answer a task with what they answered an earlier one are named with both tasks', async () => {
    const [first, second] = season(2, () => ({}))
    const old = first?.task.manifest.answers.find(({hotkey}) => hotkey === aHotkey('b'))?.output?.sha256
    const again = withAnswers(second as SettledTask, (answer) =>
      answer.hotkey === aHotkey('b') && answer.output && old
        ? {...answer, output: {...answer.output, sha256: old}}
        : answer,
    )

    expect(await findingsIn([first as SettledTask, again])).toMatchObject([
      {code: 'reused_output', subjects: [aHotkey('b')], tasks: [1, 2], numbers: {sameBytes: 1}},
    ])
  })

  it('that are silent where others fail are named with the tasks that they left out', async () => {
    const tasks = season(60, (taskId) => {
      const hard = taskId % 3 === 0
      return {
        outcomes: {a: 'ok', b: hard ? 'transient' : 'ok', c: 'ok'},
        votes: everybody.flatMap((validator) => [
          [validator, 'a', !hard || taskId % 2 === 0] as const,
          [validator, 'c', !hard] as const,
          ...(hard ? [] : [[validator, 'b', true] as const]),
        ]),
      }
    })

    const findings = await findingsIn(tasks)

    expect(findings).toMatchObject([{code: 'answers_easy_tasks', subjects: [aHotkey('b')], numbers: {silent: 20}}])
    expect(findings[0]?.sentence).toMatch(/they failed 75 % of the tasks that it left out and 0 % of the others/)
  })
})

describe('validators', () => {
  it('that pass what the gates of the others reject are named', async () => {
    const tasks = season(4, () => ({})).map((settled) =>
      withVerdicts(settled, ({validator, miner}) =>
        miner === aHotkey('b') && validator !== aHotkey('w') ? {passed: false, overall: 0, gate: 'motion'} : {},
      ),
    )

    expect(await findingsIn(tasks)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          code: 'vote_against_gates',
          subjects: [aHotkey('w'), aHotkey('b')],
          tasks: [1, 2, 3, 4],
        }),
      ]),
    )
  })

  it('that pass one miner whatever it returns are named with it', async () => {
    const tasks = season(12, (taskId) => ({
      votes: everybody.flatMap((validator) => [
        [validator, 'a', taskId % 2 === 0] as const,
        [validator, 'b', validator === 'w'] as const,
      ]),
    }))

    const found = (await findingsIn(tasks)).filter(({code}) => code === 'favoured_miner')

    expect(found).toMatchObject([{subjects: [aHotkey('w'), aHotkey('b')], numbers: {passed: 12, failedByOthers: 12}}])
  })

  it('that say something else than the rest under a judge that measures are named', async () => {
    const tasks = season(5, () => ({})).map((settled) =>
      withVerdicts(settled, ({validator}) => (validator === aHotkey('u') ? {overall: 91} : {})),
    )

    expect(await findingsIn(tasks)).toMatchObject([
      {code: 'differs_from_judge', subjects: [aHotkey('u')], numbers: {differing: 10, judged: 10}},
    ])
  })

  it('that repeat each other to the letter, where a judge never says the same twice, are named', async () => {
    const tasks = season(15, () => ({})).map((settled) =>
      withVerdicts(settled, ({validator, miner, taskId}) => ({
        judge: {name: 'openai', version: 1},
        // What v sees, w hands in as well.
        reasoning: `${validator === aHotkey('w') ? aHotkey('v') : validator} on ${miner} in ${taskId}`,
      })),
    )

    expect(await findingsIn(tasks)).toMatchObject([
      {code: 'copied_verdicts', subjects: [aHotkey('v'), aHotkey('w')], numbers: {same: 30, common: 30, usual: 0}},
    ])
  })
})

it('findings are data that the schema takes', async () => {
  const tasks = season(12, () => ({votes: everybody.map((validator) => [validator, 'b', validator === 'w'] as const)}))

  for (const finding of await findingsIn(tasks)) expect(IntegrityFinding.parse(finding)).toEqual(finding)
})

it('an audit shows them as warnings that name who and where, and has no fewer errors or more for them', async () => {
  const tasks = season(12, () => ({outcomes: {a: 'ok', b: 'ok'}})).map((task) =>
    withAnswers(task, (answer) => ({
      ...answer,
      ...(answer.output && {output: {...answer.output, sha256: aSha(`${task.task.manifest.taskId}`)}}),
    })),
  )
  const findings = new Findings()

  await checkIntegrity(tasks, findings, async () => {})

  expect(findings.counts()).toEqual({error: 0, warning: 1, info: 0})
  expect(findings.checks()).toEqual([{check: 'signs of copying', looked: 12, differs: 1}])
  const [found] = findings.list()
  expect(AuditFinding.parse(found)).toMatchObject({code: 'COPIED_OUTPUT', task: 12})
  expect(found?.object).toMatch(/^5\w+ and 5\w+, tasks 1, 2, 3, 4, 5 and 7 more$/)
  expect(found?.object.startsWith(`${found.who}`)).toBe(true)
})

it('others get their turn while the signs are looked for', async () => {
  let pauses = 0

  await integrityFindings(
    season(40, () => ({})),
    async () => void pauses++,
  )

  // 40 tasks of two outputs by three validators: each step is one of them, and eight are taken at once.
  expect(pauses).toBeGreaterThan(30)
})

it('only as many tasks are looked through as can be in one go', async () => {
  const recent = new RecentTasks()
  for (const task of season(4000, () => ({}))) recent.add(task)

  // Six verdicts each.
  expect(
    recent
      .list()
      .map(({task}) => task.manifest.taskId)
      .at(0),
  ).toBe(4000 - 1665)
  expect(recent.list()).toHaveLength(1666)
})

it('a report covers the newest tasks that the API shows, page by page', async () => {
  const tasks = season(50, () => ({}))
  const asked: number[] = []
  const api = {
    url: 'http://127.0.0.1:1',
    latestTask: async () => 50,
    settledAfter: async (after: number, limit: number) => {
      asked.push(after)
      return tasks.filter(({task}) => task.manifest.taskId > after).slice(0, limit)
    },
  }

  const report = await inspectIntegrity(api, 30, {sleep: async () => {}}, new AbortController().signal)

  expect(report).toMatchObject({from: 21, to: 50, tasks: 30, leftOut: 0, findings: []})
  expect(asked).toEqual([20, 40])

  // Six verdicts each: however wide the window, only so much is ever held.
  const bounded = await inspectIntegrity(api, 30, {sleep: async () => {}}, new AbortController().signal, 60)
  expect(bounded).toMatchObject({from: 41, to: 50, tasks: 10, leftOut: 20})
})

describe('statistics', () => {
  it('tails of the binomial distribution', async () => {
    expect(binomialTail(0, 10, 0.3)).toBeCloseTo(1, 12)
    expect(binomialTail(10, 10, 0.5)).toBeCloseTo(1 / 1024, 12)
    expect(binomialTail(3, 5, 0.5)).toBeCloseTo(0.5, 12)
  })

  it('ranks of one sample among those of another, by the example of Mann and Whitney’s tables', async () => {
    expect(rankExcess([4, 5, 6], [1, 2, 3])).toBeCloseTo(1.964, 3)
    expect(rankExcess([1, 1, 1], [1, 1])).toBe(0)
    expect(rankExcess([1, 2, 3], [4, 5, 6])).toBeCloseTo(-1.964, 3)
  })
})
