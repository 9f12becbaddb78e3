import {BaseCommand} from '../cli/base-command.js'
import type {Column} from '../cli/table.js'
import type {RankTable, RankTableRow} from '../services/rank-table.js'

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

export default class GetRank extends BaseCommand {
  static override summary = 'who is ahead, and why'
  static override description = "Asks the owner's API for its last ranking. Needs neither a wallet nor a chain."
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    'API_URL=http://127.0.0.1:8000 <%= config.bin %> <%= command.id %> --json',
  ]

  async run(): Promise<RankTable> {
    await this.parse(GetRank)
    const app = await this.open('reader')
    const {fetchRankTable} = await import('../services/rank-table.js')
    const table = await fetchRankTable(await app.api(), this.signal)
    if (table.ranks.length > 0) this.table(columns, table.ranks)
    this.logToStderr(table.summary)
    return table
  }
}
