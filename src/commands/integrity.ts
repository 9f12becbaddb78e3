import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import type {Column} from '../cli/table.js'
import type {IntegrityFinding} from '../services/integrity/findings.js'
import type {IntegrityReport} from '../services/integrity/integrity.js'

const columns: readonly Column<IntegrityFinding>[] = [
  {name: 'sign', value: ({code}) => code},
  {name: 'tasks', value: ({tasks}) => tasks.length, align: 'right'},
  {name: 'first', value: ({tasks}) => tasks[0] ?? '-', align: 'right'},
  {name: 'what', value: ({sentence}) => sentence, flexible: true},
]

export default class Integrity extends BaseCommand {
  static override summary = 'signs of copying and collusion among miners and validators'
  static override description =
    "Looks through the newest settled tasks that the owner's API publishes: outputs that repeat another miner's or an " +
    'earlier one, footage that a miner seems to know, silence on hard tasks, validators that vote against gates, favour ' +
    "a miner or copy another's verdicts. A sign is no proof, and none of them moves a weight. Needs neither a wallet " +
    'nor a chain.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    'API_URL=http://127.0.0.1:8000 <%= config.bin %> <%= command.id %> --window 500 --json',
  ]
  static override flags = {
    window: Flags.integer({description: 'newest tasks to look through', min: 1, max: 10_000, default: 100}),
  }

  async run(): Promise<IntegrityReport> {
    const {flags} = await this.parse(Integrity)
    const app = await this.open('reader')
    const [{inspectIntegrity}, {systemTime}] = await Promise.all([
      import('../services/integrity/integrity.js'),
      import('../runtime/clock.js'),
    ])
    const report = await inspectIntegrity(await app.api(), flags.window, systemTime(), this.signal)
    if (report.findings.length > 0) this.table(columns, report.findings)
    const {tasks, from, to, leftOut, findings} = report
    const older = leftOut === 0 ? '' : `, ${leftOut} older left out: too many verdicts to look through at once`
    const looked = tasks === 0 ? 'no task has settled yet' : `tasks ${from} to ${to}, ${tasks} settled${older}`
    this.logToStderr(
      `${looked}: ${findings.length === 0 ? 'no sign' : `${findings.length} sign${findings.length === 1 ? '' : 's'}`} of copying or collusion`,
    )
    return report
  }
}
