import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import {hotkeyFlag} from '../cli/flags.js'
import type {Column} from '../cli/table.js'
import type {OwnRankRow, OwnRankTable, RankTable, RankTableRow} from '../services/rank-table.js'

const columns: readonly Column<RankTableRow>[] = [
  {name: 'rank', value: ({rank}) => rank ?? '-', align: 'right'},
  {name: 'uid', value: ({uid}) => uid ?? '-', align: 'right'},
  {name: 'hotkey', value: ({hotkey}) => hotkey},
  {name: 'pass rate', value: ({passRate}) => `${(100 * passRate).toFixed(1)} %`, align: 'right'},
  {name: 'passed', value: ({passed, evaluated}) => `${passed}/${evaluated ?? '?'}`, align: 'right'},
  {name: 'block', value: ({block}) => block ?? '-', align: 'right'},
  {name: 'eligible', value: ({eligible}) => (eligible ? 'yes' : 'no')},
  {name: 'why', value: ({sentence}) => sentence, flexible: true},
]

const ownColumns: readonly Column<OwnRankRow>[] = [
  {name: 'rank', value: ({rank}) => rank ?? '-', align: 'right'},
  {name: 'uid', value: ({uid}) => uid ?? '-', align: 'right'},
  {name: 'hotkey', value: ({hotkey}) => hotkey},
  {name: 'score', value: ({score}) => score?.toFixed(4) ?? '-', align: 'right'},
  {name: 'weight', value: ({weight}) => `${(100 * weight).toFixed(1)} %`, align: 'right'},
  {name: 'block', value: ({block}) => block ?? '-', align: 'right'},
  {name: 'why', value: ({sentence}) => sentence, flexible: true},
]

export default class GetRank extends BaseCommand {
  static override summary = 'who is ahead, and why'
  static override description = "Asks the owner's API for its last ranking. Needs neither a wallet nor a chain."
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --mechanism talking-head',
    'API_URL=http://127.0.0.1:8000 <%= config.bin %> <%= command.id %> --json',
  ]

  static override flags = {
    mechanism: Flags.string({description: 'of which mechanism', helpValue: '<name>', default: 'video'}),
    author: hotkeyFlag({
      description: 'by whose evidence, where every validator has its own: the one with the most stake otherwise',
    }),
  }

  async run(): Promise<RankTable | OwnRankTable> {
    const {flags} = await this.parse(GetRank)
    const app = await this.open('reader')
    const {fetchOwnRankTable, fetchRankTable} = await import('../services/rank-table.js')
    const api = await app.api()
    // The usual one is known without loading what mechanisms are made of.
    const isOwn = flags.mechanism !== 'video' && (await app.mechanism(flags.mechanism)).scope === 'own'
    if (isOwn) {
      const table = await fetchOwnRankTable(api, flags.mechanism, flags.author, this.signal)
      if (table.ranks.length > 0) this.table(ownColumns, table.ranks)
      this.logToStderr(table.summary)
      return table
    }
    const table = await fetchRankTable(api, this.signal)
    if (table.ranks.length > 0) this.table(columns, table.ranks)
    this.logToStderr(table.summary)
    return table
  }
}
