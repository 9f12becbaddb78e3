import {expect, it} from 'vitest'
import type {Ranking} from '../../../src/domain/ranking.js'
import {Findings} from '../../../src/services/audit/findings.js'
import {compareRankings} from '../../../src/services/audit/ranking.js'
import {aHotkey, aSha} from '../../helpers/video.js'

const row: Ranking['rows'][number] = {
  ...{hotkey: aHotkey('a'), uid: 1, rank: 1, eligible: true, weight: 1, block: 5},
  ...{numbers: {passed: 2}, sentence: 'wins: passed 2 of 2'},
}
const ranking: Ranking = {
  ...{mechanism: 'video', mechanismVersion: 1, examHash: aSha('exam'), stateHash: aSha('state'), block: 9},
  ...{window: [1, 2], decision: 'pay', summary: 'uid 1 takes all', rows: [row]},
}

function found(published: Ranking) {
  const findings = new Findings()
  compareRankings(ranking, published, findings, aHotkey('owner'))
  return {...findings.counts(), codes: findings.list().map(({code}) => code)}
}

it('finds nothing where nothing differs', () => {
  expect(found(ranking)).toMatchObject({error: 0, warning: 0})
})

it.each([
  ['a sentence', {...ranking, rows: [{...row, sentence: 'wins: 2 of 2 tasks passed'}]}],
  ['the summary', {...ranking, summary: 'everything to uid 1'}],
])('only warns when %s says the same figures in other words, as after an upgrade', (_what, published) => {
  expect(found(published)).toMatchObject({error: 0, warning: 1, codes: ['RANKING_WORDED_OTHERWISE']})
})

it.each([
  ['a weight', {...ranking, rows: [{...row, weight: 0.5, sentence: 'other words as well'}]}],
  ['a figure', {...ranking, rows: [{...row, numbers: {passed: 1}}]}],
  ['the decision', {...ranking, decision: 'burn' as const}],
])('is an error when %s differs, whatever the words', (_what, published) => {
  expect(found(published).error).toBeGreaterThan(0)
})
