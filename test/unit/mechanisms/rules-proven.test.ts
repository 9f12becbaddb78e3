import {describe, expect, it} from 'vitest'
import {hashOf} from '../../../src/domain/canonical.js'
import type {Exam} from '../../../src/domain/exam.js'
import {mechanism} from '../../../src/mechanisms/registry.js'
import {defaults, type VideoParams} from '../../../src/mechanisms/video/params.js'
import {aHotkey, aSettledTask, aView} from '../../helpers/video.js'

const examWith = (ranking: Record<string, unknown>): Exam => ({
  ...{version: 1, mechanism: 'video', mechanismVersion: 1, netuid: 99, fromTask: 1, samplers: [aHotkey('owner')]},
  params: JSON.parse(JSON.stringify({...defaults, ranking})),
})
const {rule: _, oddsAgainst: __, memory: ___, ...common} = defaults.ranking
const published = {...common, dominance: 0.05}
const proven: VideoParams['ranking'] = {
  ...published,
  ...{minTasks: 1, dominance: 0.05, rule: 'dominance-2', oddsAgainst: 20, memory: 100},
}

/** One letter per task: p passed, f failed, m missed, - not asked. */
function weigh(sheets: Readonly<Record<string, string>>, ranking: Record<string, unknown> = proven) {
  const rule = mechanism('video').rule(examWith(ranking))
  const names = Object.keys(sheets)
  const tasks = Array.from({length: Math.max(...Object.values(sheets).map(({length}) => length))}, (_, at) => {
    const sitting = names.filter((name) => (sheets[name]?.[at] ?? '-') !== '-')
    return aSettledTask({
      taskId: at + 1,
      outcomes: Object.fromEntries(sitting.map((name) => [name, sheets[name]?.[at] === 'm' ? 'transient' : 'ok'])),
      votes: sitting
        .filter((name) => sheets[name]?.[at] !== 'm')
        .map((name) => ['v', name, sheets[name]?.[at] === 'p'] as const),
    })
  })
  const weighing = rule.weigh(rule.replay(rule.initial(), tasks), aView(names))
  return {...weighing, of: (name: string) => weighing.rows.find(({hotkey}) => hotkey === aHotkey(name))}
}

describe('the proven lead in an exam', () => {
  it('leaves an earlier miner the lead while chance may explain that a later one passed more', () => {
    const {of} = weigh({a: 'ppppffpppp', b: 'pppppppppp'})

    expect([of('a')?.rank, of('b')?.rank]).toEqual([1, 2])
    expect(of('b')?.numbers).toMatchObject({ahead: 2, behind: 0, leadNeeded: 5})
    expect(of('b')?.sentence).toBe(
      'passed 10 of 10 (100.0 %), committed at block 2: against the winner uid 0 (80.0 %) it is ahead in 2 and behind in 0 of the 10 tasks that count for both, and needs a lead of 5, which chance brings once in 20: 3 more',
    )
    expect(of('b')?.numbers.rateNeeded).toBeGreaterThan(1)
    expect(of('a')?.sentence).toContain(
      'nobody has proved to be better: the next, uid 1, is ahead in 2 and behind in 0',
    )
  })

  it('gives it to the later one once the lead is proved, and says from whom it took it', () => {
    const {of} = weigh({a: 'pppppfffff', b: 'pppppppppp', c: 'pppppppfff'})

    expect(of('b')).toMatchObject({rank: 1, weight: 1, numbers: {ahead: 5, behind: 0, leadNeeded: 5, rateNeeded: 1}})
    expect(of('b')?.sentence).toContain('it took the lead from uid 0: ahead in 5 and behind in 0 of the 10 tasks')
    expect(of('c')?.sentence).toMatch(/against the winner uid 1 \(100.0 %\) it is ahead in 0 and behind in 3/)
    expect(of('a')?.sentence).toMatch(/; uid 2 above passed 70.0 %$/)
  })

  it('compares no task that one of the two was not asked in, or was forgiven', () => {
    const {of} = weigh({a: 'pppppffffff', b: '-mppppppppp'}, {...proven, forgivenMisses: 1, completeness: 0.5})

    expect(of('b')?.numbers).toMatchObject({ahead: 6, behind: 0, missed: 1, charged: 0})
    expect(of('b')?.rank).toBe(1)
  })

  it('counts a miss beyond those forgiven as a task not passed', () => {
    const {of} = weigh({a: 'pppppppp', b: 'mmppppmp'}, {...proven, forgivenMisses: 2, completeness: 0.5})

    expect(of('b')?.numbers).toMatchObject({ahead: 0, behind: 1, charged: 1})
  })

  it('has only finite figures for a miner of whom nothing counts yet, so that the ranking can be hashed', () => {
    const {rows, of} = weigh({a: 'pppp', b: '---m'}, {...proven, forgivenMisses: 1})

    expect(of('b')?.numbers).toMatchObject({evaluated: 0, charged: 0})
    expect(Object.values(of('b')?.numbers ?? {}).every(Number.isFinite)).toBe(true)
    expect(() => hashOf(rows)).not.toThrow()
  })

  it('lets nobody win with nothing, even if the exam would', () => {
    const {rows, decision} = weigh({a: 'ffff', b: 'ffff'}, {...proven, minPassed: 0})

    expect(rows.every(({rank, weight}) => rank === null && weight === 0)).toBe(true)
    expect(decision).toBe('burn')
    expect(rows[0]?.sentence).toBe('not ranked: none of its 4 tasks passed: mean score 40.0')
    expect(rows[0]?.numbers.tasksNeeded).toBe(1)
  })

  it('asks for a lead that matters, however certain it is', () => {
    const sheets = {a: 'p'.repeat(50) + 'f'.repeat(8), b: 'p'.repeat(58)}

    expect(weigh(sheets, {...proven, dominance: 0.1}).of('b')?.rank).toBe(1)
    expect(weigh(sheets, {...proven, dominance: 0.15}).of('b')?.rank).toBe(2)
  })
})

describe('its sentences', () => {
  const sentence = (sheets: Readonly<Record<string, string>>, name: string, ranking = proven) =>
    weigh(sheets, ranking).of(name)?.sentence

  it('speak of one task as one', () => {
    const sheets = {a: 'p', b: 'p', c: 'f'}
    expect(sentence(sheets, 'a')).toContain('the next, uid 1, is level in the only task that counts for both')
    expect(sentence(sheets, 'b')).toContain('it is level in the only task that counts for both, and needs a lead of')
    expect(sentence(sheets, 'c')).toBe('not ranked: its only task did not pass: mean score 40.0')
    expect(sentence({a: 'pp', b: 'mp'}, 'b', {...proven, completeness: 0.9})).toBe(
      'not ranked: judged in 1 of 2 tasks, 1 time it did not deliver; 90.0 % are needed, that is 1 more',
    )
    expect(sentence({a: 'pp', b: '-m'}, 'b', {...proven, minTasks: 2})).toContain('judged in 0 of 1 task since it came')
  })

  it('say how many of the first tasks are still to settle, one or many', () => {
    expect(sentence({a: 'p'}, 'a', {...proven, minTasks: 3})).toBe('not ranked yet: 1 of the first 3 tasks has settled')
    expect(weigh({a: 'pp'}, {...proven, minTasks: 3}).summary).toBe(
      'nobody is ranked yet: 2 of the first 3 tasks have settled',
    )
    expect(weigh({a: ''}, {...proven, minTasks: 1}).summary).toBe('nobody is ranked yet: no task has settled yet')
  })

  it('never say 1 tasks, 1 times or 1 miners, whatever came', () => {
    const letters = ['', 'p', 'f', 'm', 'pf', 'pm', 'ppf', 'mmp', 'ppppp']
    for (const a of letters)
      for (const b of letters) {
        const length = Math.max(a.length, b.length)
        const sheets = {a: a.padStart(length, '-'), b: b.padStart(length, '-')}
        for (const minTasks of [1, 2, 4]) {
          const {rows, summary} = weigh(sheets, {...proven, minTasks, completeness: 0.5})
          for (const said of [summary, ...rows.map((row) => row.sentence)])
            expect(said).not.toMatch(/\b1 (tasks|times|miners)\b(?! passed)|of the 0 |undefined|NaN/)
        }
      }
  })
})

describe('which rule an exam has', () => {
  it('is the proven lead in the exam that is built in', () => {
    expect(defaults.ranking).toMatchObject({rule: 'dominance-2', oddsAgainst: 20, memory: 400})
  })

  it('is the published one when it says nothing, as exams from before do, and they keep their hash', () => {
    const sheets = {a: 'pppppppppf', b: 'pppppppppp'}
    const silent = examWith(published)

    const {of} = weigh(sheets, {...published, minTasks: 1})

    expect(of('b')?.rank).toBe(1)
    expect(of('b')?.sentence).toContain('a later miner needs 5.0 % more than every earlier one')
    expect(weigh(sheets, {...published, minTasks: 1, rule: 'dominance-1'}).rows).toEqual(
      weigh(sheets, {...published, minTasks: 1}).rows,
    )
    expect(hashOf(mechanism('video').rule(silent).exam)).toBe(hashOf(silent))
  })

  it.each([
    ['the proven lead without its odds', {...published, rule: 'dominance-2', memory: 100}],
    ['the proven lead with a memory shorter than its window', {...proven, memory: 99}],
    ['odds for the published rule', {...published, oddsAgainst: 20}],
    ['a rule that this program does not have', {...published, rule: 'dominance-3'}],
  ])('refuses %s', (_name, ranking) => {
    expect(() => mechanism('video').rule(examWith(ranking))).toThrow(
      expect.objectContaining({code: 'EXAM_UNSUPPORTED'}),
    )
  })
})
