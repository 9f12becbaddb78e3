import {describe, expect, it} from 'vitest'
import type {RankBody} from '../../../src/api/schemas.js'
import type {Hotkey} from '../../../src/domain/ids.js'
import {pauseMs} from '../../../src/web/back-off.js'
import {ago, bytes, outcomeWords, percent, points, short, shortened, span} from '../../../src/web/format.js'
import {addressOf, parsePlace} from '../../../src/web/router.js'
import {
  distanceOf,
  firstAsked,
  hourlyRates,
  nearestChallenger,
  rollingRates,
  select,
  selectionOf,
  standings,
  tasksPerHour,
} from '../../../src/web/standings.js'

describe('figures for people', () => {
  it('say shares, differences, sizes and spans in few digits', () => {
    expect([percent(0.8754), percent(null), points(-0.0834), points(0.04), points(-0.0004)]).toEqual([
      '87.5 %',
      '–',
      '−8.3',
      '+4.0',
      '0.0',
    ])
    expect([bytes(999), bytes(999_600), bytes(4_810_000), bytes(52_000_000_000)]).toEqual([
      '999 B',
      '1.0 MB',
      '4.8 MB',
      '52 GB',
    ])
    expect([span(0), span(89_000), span(5_340_000), span(47 * 3_600_000), span(9e8)]).toEqual([
      '0 s',
      '89 s',
      '89 min',
      '47 h',
      '10 days',
    ])
  })

  it('say how long ago, also when two clocks differ or there was no time', () => {
    const now = Date.parse('2026-01-01T00:10:00Z')
    expect(ago('2026-01-01T00:00:00Z', now)).toBe('10 min ago')
    expect(ago('2026-01-01T00:10:30Z', now)).toBe('just now')
    expect([ago(null, now), ago('yesterday', now)]).toEqual(['never', 'at an unknown time'])
  })

  it('name outcomes in words, and cut addresses where both ends can be told', () => {
    expect([outcomeWords('ok'), outcomeWords('rejected:first_frame'), outcomeWords('transient')]).toEqual([
      'delivered',
      'rejected: not beginning with the given frame',
      'did not answer',
    ])
    expect(short('5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY')).toBe('5Grwva…utQY')
  })
})

describe('addresses of the page', () => {
  it('come back as what they were made of, whatever it was', () => {
    const query = {q: 'a&b=c #ü %', sort: 'pass'}
    expect(parsePlace(addressOf(['miner', 'a/b ü'], query))).toEqual({path: ['miner', 'a/b ü'], query})
    expect(parsePlace('#/task/%E0%A4%A')).toEqual({path: ['task', '%E0%A4%A'], query: {}})
    expect(parsePlace('')).toEqual({path: [], query: {}})
  })

  it('leave out what is standard', () => {
    expect(addressOf(['miners'], {q: '', sort: ''})).toBe('#/miners')
  })
})

describe('the pause before the next try', () => {
  it('doubles up to a minute and is never the same for all', () => {
    expect([0, 1, 2, 20].map((attempt) => pauseMs(attempt, 0))).toEqual([1_000, 2_000, 4_000, 60_000])
    expect(pauseMs(0, 0.5)).toBe(1_250)
  })
})

const row = (name: string, more: Partial<RankBody['ranks'][number]>) => ({
  miner_hotkey: name as Hotkey,
  uid: 1,
  rank: 1,
  passed_count: 8,
  pass_rate: 0.8,
  block: 10,
  eligible: true,
  is_valid: true,
  invalid_reason: null,
  explain: `${name} stands here`,
  evaluated_count: 10,
  completeness: 1,
  ...more,
})

describe('the leaderboard', () => {
  const rows = standings({
    ranks: [row('first', {uid: 7}), row('second', {uid: 70, rank: 2, pass_rate: 0.7, block: 5})],
    unranked: [
      row('slow', {uid: 3, eligible: false, pass_rate: 0.9, completeness: 0.2}),
      row('copy', {uid: 4, eligible: false, is_valid: false, invalid_reason: 'duplicate_model', pass_rate: 0}),
    ],
  })
  const names = (query: Record<string, string>) =>
    select(rows, selectionOf(query), (name) => `model-of-${name}`).map(({hotkey}) => hotkey)

  it('has the ranked in order, then the valid, then the others', () => {
    expect(names({})).toEqual(['first', 'second', 'slow', 'copy'])
    expect(rows.map(({margin}) => margin?.toFixed(2))).toEqual(['0.00', '-0.10', '0.10', '-0.80'])
  })

  it('sorts by pass rate, completeness, commitment and uid', () => {
    expect(names({sort: 'pass'})).toEqual(['slow', 'first', 'second', 'copy'])
    expect(names({sort: 'uid'})).toEqual(['slow', 'copy', 'first', 'second'])
    expect(names({sort: 'since'})[0]).toBe('second')
  })

  it('finds a uid exactly, and words anywhere', () => {
    expect(names({q: '7'})).toEqual(['first'])
    expect(names({q: 'uid 70'})).toEqual(['second'])
    expect(names({q: 'DUPLICATE'})).toEqual(['copy'])
    expect(names({q: 'model-of-slow'})).toEqual(['slow'])
  })

  it('takes the standard for what an address says wrongly', () => {
    expect(selectionOf({sort: '__proto__', show: 'x', q: 'y'.repeat(500)})).toEqual({
      sort: 'rank',
      show: 'all',
      search: 'y'.repeat(100),
    })
  })
})

describe('the pass rate over time', () => {
  it('counts as the rule does: a window, and missed tasks beyond what is forgiven', () => {
    expect(rollingRates('pfrm-u', {window: 3, forgivenMisses: 0})).toEqual([1, 0.5, 1 / 3, 0, 0, 0])
    expect(rollingRates('-mmp', {window: 10, forgivenMisses: 1})).toEqual([null, null, 0, 0.5])
  })

  it('gives tasks an hour, or nothing when too few have settled to say', () => {
    expect(tasksPerHour(['2026-01-01T00:00:00Z', '2026-01-01T00:05:00Z', '2026-01-01T00:10:00Z'])).toBe(12)
    expect(tasksPerHour(['2026-01-01T00:00:00Z'])).toBeNull()
  })
})

describe('the distance to the winner', () => {
  const row = (rank: number, changes: Partial<RankBody['ranks'][number]> = {}): RankBody['ranks'][number] => ({
    miner_hotkey: `miner-${rank}` as Hotkey,
    ...{uid: rank, rank, passed_count: 8, pass_rate: 0.8, block: rank, eligible: true, is_valid: true},
    ...{invalid_reason: null, explain: ''},
    ...changes,
  })

  it('is counted in tasks where a lead has to be proved, whoever has the larger rate', () => {
    const rows = standings({
      ranks: [
        row(1, {proof: {ahead: 5, behind: 0, short: 0}}),
        row(2, {pass_rate: 0.9, proof: {ahead: 1, behind: 0, short: 4}}),
        row(3, {proof: {ahead: 4, behind: 2, short: 3}}),
        row(4, {proof: {ahead: 7, behind: 2, short: 0}}),
      ],
    })
    expect(rows.map(distanceOf)).toEqual(['winner', '4 tasks short', '3 tasks short', 'needs a larger rate'])
    expect(nearestChallenger(rows.slice(0, 3))?.rank).toBe(3)
    expect(rows[0]?.proof).toBeNull()
  })

  it('is a difference of rates under other rules, and for what is not ranked there is none', () => {
    const rows = standings({ranks: [row(1), row(2, {pass_rate: 0.7})], unranked: [{...row(0), pass_rate: 0}]})
    expect(rows.slice(0, 2).map(distanceOf)).toEqual(['winner', '−10.0'])
    expect(nearestChallenger(rows)).toBeUndefined()
  })
})

describe('plots', () => {
  it('begin where one of their miners was first asked', () => {
    expect([firstAsked(['--pp', '---f']), firstAsked(['----', '']), firstAsked([])]).toEqual([2, 0, 0])
  })

  it('tell the speed after each task from those until then alone', () => {
    const at = [0, 60, 120, 240].map((second) => new Date(1000 * second).toISOString())
    expect(hourlyRates(at, 2)).toEqual([null, 60, 60, 30])
  })
})

it('a prompt that is longer than lists give is cut at a word, and that can be seen', () => {
  expect(shortened('a boat turns left', 300)).toBe('a boat turns left')
  expect(shortened('a boat turns left', 10)).toBe('a boat …')
})
