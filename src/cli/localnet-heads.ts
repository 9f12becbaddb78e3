import type {HeadResult, HeadsResult, LocalnetFacts} from '../services/localnet/events.js'
import {type Column, renderTable} from './table.js'

const columns: readonly Column<HeadResult>[] = [
  {name: 'rank', value: ({rank}) => rank ?? '-', align: 'right'},
  {name: 'uid', value: ({uid}) => uid, align: 'right'},
  {name: 'image', value: ({profile}) => profile},
  {name: 'score', value: ({score}) => score?.toFixed(4) ?? '-', align: 'right'},
  {name: 'weight', value: ({weight}) => `${Math.round(weight * 100)} %`, align: 'right'},
  {name: 'why', value: ({sentence}) => sentence, flexible: true},
]

/** One round of images as a table. */
export function headsTable(miners: readonly HeadResult[], stream: NodeJS.WriteStream): string {
  const order = (miner: HeadResult) => miner.rank ?? Number.POSITIVE_INFINITY
  const rows = [...miners].sort((a, b) => order(a) - order(b) || a.uid - b.uid)
  return renderTable(columns, rows, {width: stream.isTTY ? stream.columns : undefined, stream})
}

/** What the images came to, and who was paid for them. */
export function headsText(result: HeadsResult, facts: LocalnetFacts, stream: NodeJS.WriteStream): string {
  const {isolation, miners, rounds, weights, winner} = result
  const [first] = facts.validators
  const where = isolation === 'process' ? 'in plain processes, which keep nothing in' : `in ${isolation}`
  const paid = weights
    ? `weights on the chain since block ${weights.block}, set by ${first?.name}: ${winner ? `uid ${winner.uid} (${winner.profile})` : `uid ${weights.uids.join(', ')}`}`
    : 'no validator has set weights for it yet'
  return `${headsTable(miners, stream)}talking-head: ${rounds} round${rounds === 1 ? '' : 's'}, images run ${where}\n${paid}\n`
}
