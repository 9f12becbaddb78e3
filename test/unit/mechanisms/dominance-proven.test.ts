import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {beats, leadNeeded, type Provable, rankByProof} from '../../../src/mechanisms/video/dominance-proven.js'
import {fewestTrials} from '../../../src/mechanisms/video/sign-test.js'
import vectors from '../../vectors/video/dominance-2.json' with {type: 'json'}

const letters = {p: 1, f: 0, '-': -1} as const
type Letter = keyof typeof letters

function contender(hotkey: string, block: number | null, results: string, isSeated = true): Provable {
  const marks = [...results] as Letter[] // The generators and vectors below know no other letters.
  const passed = marks.filter((mark) => mark === 'p').length
  const counted = marks.filter((mark) => mark !== '-').length
  return {
    ...{hotkey, block, passed, counted, isSeated, passRate: counted === 0 ? 0 : passed / counted},
    results: Int8Array.from(marks, (mark) => letters[mark]),
  }
}

const looking = ({minLead, oddsAgainst}: {minLead: number; oddsAgainst: number}) => ({
  looks: [{tasks: 1000, minLead}],
  oddsAgainst,
})
const names = (contenders: readonly {readonly hotkey: string}[]) => contenders.map(({hotkey}) => hotkey)

describe('the proven lead', () => {
  it.each(vectors.cases)('$name', ({in: given, holders, order, ...proof}) => {
    const field = given.map(([hotkey, block, results]) =>
      contender(String(hotkey), block === null ? null : Number(block), String(results)),
    )

    for (const contenders of [field, field.toReversed()]) {
      const ranking = rankByProof(contenders, looking(proof))

      expect(names(ranking.holders)).toEqual(holders)
      expect(names(ranking.ranked)).toEqual(order)
    }
  })
})

/** Nobody is ranked who has passed nothing. */
const sheetOf = (luck: readonly Letter[], passed: number, tasks: number) =>
  luck.toSpliced(passed, 0, 'p').slice(0, tasks).join('')

/** Fields of up to six miners, some alike and some apart, over up to 14 tasks; weak proofs, so that much happens. */
const fields = fc
  .record({
    tasks: fc.integer({min: 1, max: 14}),
    miners: fc.array(
      fc.record({
        block: fc.option(fc.integer({min: 1, max: 5}), {nil: null}),
        luck: fc.array(fc.constantFrom<Letter>('p', 'p', 'f', '-'), {minLength: 13, maxLength: 13}),
        once: fc.nat(13),
      }),
      {minLength: 1, maxLength: 6},
    ),
    minLead: fc.integer({min: 1, max: 4}),
    recent: fc.integer({min: 1, max: 14}),
    oddsAgainst: fc.constantFrom(2, 4, 8, 20),
  })
  .map(({tasks, miners, minLead, recent, oddsAgainst}) => ({
    proof: {
      looks: [
        {tasks: recent, minLead: 1},
        {tasks: 14, minLead},
      ],
      oddsAgainst,
    },
    tasks,
    sheets: miners.map(({block, luck, once}, index) => ({
      hotkey: `m${index}`,
      block,
      marks: sheetOf(luck, once % tasks, tasks),
    })),
  }))
type Sheet = {readonly hotkey: string; readonly block: number | null; readonly marks: string}
const sat = (sheets: readonly Sheet[]) =>
  sheets.map(({hotkey, block, marks}) =>
    contender(hotkey, block, marks, marks.replaceAll('-', '').length > marks.length / 2),
  )
const seated = (sheets: readonly Sheet[]) => sheets.map(({hotkey, block, marks}) => contender(hotkey, block, marks))
const better: Record<string, string> = {f: 'p', '-': 'p'}

describe('its properties', () => {
  it('who improves never loses a rank', () => {
    fc.assert(
      fc.property(fields, fc.nat(5), fc.nat(13), ({sheets, proof, tasks}, who, when) => {
        const index = who % sheets.length
        const at = when % tasks
        const sheet = sheets[index] as Sheet
        const marks = sheet.marks.slice(0, at) + (better[sheet.marks[at] ?? ''] ?? 'p') + sheet.marks.slice(at + 1)

        const before = names(rankByProof(sat(sheets), proof).ranked).indexOf(sheet.hotkey)
        const after = names(rankByProof(sat(sheets.with(index, {...sheet, marks})), proof).ranked).indexOf(sheet.hotkey)

        expect(after).toBeLessThanOrEqual(before)
      }),
      {numRuns: 2500},
    )
  })

  it('a failure that is forgiven never costs a rank, as long as enough of the window was sat', () => {
    fc.assert(
      fc.property(fields, fc.nat(5), fc.nat(13), ({sheets, proof, tasks}, who, when) => {
        const index = who % sheets.length
        const at = when % tasks
        const sheet = sheets[index] as Sheet
        fc.pre(sheet.marks[at] === 'f')
        const marks = `${sheet.marks.slice(0, at)}-${sheet.marks.slice(at + 1)}`

        const before = names(rankByProof(seated(sheets), proof).ranked).indexOf(sheet.hotkey)
        const after = names(rankByProof(seated(sheets.with(index, {...sheet, marks})), proof).ranked).indexOf(
          sheet.hotkey,
        )

        expect(after).toBeLessThanOrEqual(before)
      }),
      {numRuns: 800},
    )
  })

  it('any number of copies with the same results change nothing for anyone and win nothing', () => {
    fc.assert(
      fc.property(fields, fc.array(fc.nat(5), {minLength: 1, maxLength: 5}), ({sheets, proof}, copied) => {
        const copies = copied.map((which, index) => {
          const original = sheets[which % sheets.length] as Sheet
          return {...original, hotkey: `z${index}`, block: (original.block ?? 2 ** 31) + 1 + index}
        })

        const alone = rankByProof(sat(sheets), proof)
        const crowd = rankByProof(sat([...copies, ...sheets]), proof)

        expect(names(crowd.holders)).toEqual(names(alone.holders))
        expect(names(crowd.ranked).filter((name) => name.startsWith('m'))).toEqual(names(alone.ranked))
      }),
      {numRuns: 800},
    )
  })

  it('a miner that never holds the lead changes nothing about who wins, so none in the middle blocks a later one', () => {
    fc.assert(
      fc.property(fields, ({sheets, proof}) => {
        const {holders} = rankByProof(sat(sheets), proof)
        const leading = new Set(names(holders))

        for (const {hotkey} of sheets.filter((sheet) => !leading.has(sheet.hotkey))) {
          const without = sat(sheets.filter((sheet) => sheet.hotkey !== hotkey))
          expect(names(rankByProof(without, proof).holders)).toEqual(names(holders))
        }
      }),
      {numRuns: 600},
    )
  })

  it('the winner has been beaten by nobody, and each holder has beaten the one before', () => {
    fc.assert(
      fc.property(fields, ({sheets, proof}) => {
        const field = sat(sheets)
        const {holders} = rankByProof(field, proof)
        const winner = holders.at(-1) as Provable

        expect(field.filter((other) => beats(other, winner, proof))).toEqual([])
        for (const [index, holder] of holders.slice(1).entries())
          expect(beats(holder, holders[index] as Provable, proof)).toBe(true)
      }),
      {numRuns: 800},
    )
  })

  it('a tie stays with the earlier commitment, in whatever order they are given', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[pf]{1,12}$/), fc.boolean(), (marks, turned) => {
        const pair = [contender('a', 2, marks), contender('b', 1, marks)]

        const {ranked} = rankByProof(turned ? pair.toReversed() : pair, looking({minLead: 1, oddsAgainst: 2}))

        expect(names(ranked)).toEqual(['b', 'a'])
      }),
    )
  })

  it('the lead that is said to be needed is the least that wins, at as many disagreements as there are', () => {
    const sizes = fc.integer({min: 2, max: 5000})
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.integer({min: 1, max: 9}), sizes, (w, l, minLead, oddsAgainst) => {
        const proof = looking({minLead, oddsAgainst})
        const needed = leadNeeded({ahead: w, behind: l}, minLead, oddsAgainst)
        const trials = Math.max(w + l, fewestTrials(oddsAgainst))

        for (let ahead = 0; ahead <= trials; ahead++) {
          const behind = trials - ahead
          const challenger = contender('c', 2, `p${'p'.repeat(ahead)}${'f'.repeat(behind)}`)
          const holder = contender('h', 1, `p${'f'.repeat(ahead)}${'p'.repeat(behind)}`)
          expect([ahead, beats(challenger, holder, proof)]).toEqual([ahead, ahead - behind >= needed])
        }
      }),
      {numRuns: 200},
    )
  })
})
