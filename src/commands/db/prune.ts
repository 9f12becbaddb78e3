import {Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import {confirm} from '../../cli/confirm.js'
import {dryRunFlag, yesFlag} from '../../cli/flags.js'
import type {Column} from '../../cli/table.js'
import {bytesText} from '../../cli/units.js'
import type {PruneReport} from '../../services/store-prune.js'

type Line = readonly [what: string, count: number]

const columns: readonly Column<Line>[] = [
  {name: 'what', value: ([what]) => what},
  {name: 'rows', value: ([, count]) => count, align: 'right'},
]

export default class DbPrune extends BaseCommand {
  static override summary = "remove old tasks from the owner's store, and say which"
  static override description =
    'Goes with everything that belongs to them: verdicts, samples, answers, signatures. Whatever its age, nothing goes that ' +
    'the ranking in force follows from: the window of the current exam, and all that has not settled. Totals, exams, the ' +
    'ranking history and the blacklist stay. Works while the API is serving.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --keep-days 30 --yes',
  ]
  static override flags = {
    'keep-days': Flags.integer({
      description: 'tasks that settled in the last so many days stay',
      helpValue: '<days>',
      default: 90,
      min: 0,
      max: 36_500,
    }),
    yes: yesFlag,
    'dry-run': dryRunFlag,
  }

  async run(): Promise<PruneReport> {
    const {flags} = await this.parse(DbPrune)
    const app = await this.open('api')
    const {pruneOf} = await import('../../app/store-care.js')
    const plan = await pruneOf(app, flags['keep-days'], true, this.signal)
    const nothing = Object.values(plan.removed).every((count) => count === 0)
    if (nothing || flags['dry-run']) return this.#show(plan, nothing)
    this.#show(plan, false)
    if (!flags.yes && !(await confirm('Remove this for good?', '--yes', this.signal))) {
      this.logToStderr('nothing was removed')
      return plan
    }
    const done = await pruneOf(app, flags['keep-days'], false, this.signal)
    this.log(`removed; ${bytesText(done.freeBytes)} of ${bytesText(done.storeBytes)} are free for what comes`)
    return done
  }

  #show(report: PruneReport, nothing: boolean): PruneReport {
    if (nothing) this.logToStderr('nothing is old enough to go')
    else {
      this.logToStderr(`tasks before ${report.beforeTask}, and what is used up:`)
      this.table(columns, Object.entries(report.removed))
    }
    return report
  }
}
