import {Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'
import type {StoreCheck} from '../../services/store-check.js'

const columns: readonly Column<StoreCheck>[] = [
  {name: 'check', value: ({name}) => name},
  {name: 'looked at', value: ({count}) => count, align: 'right'},
  {name: 'result', value: ({faults}) => (faults.length === 0 ? 'ok' : faults.join('; ')), flexible: true},
]

export default class DbCheck extends BaseCommand {
  static override summary = "whether the owner's store is whole, and everything in it is what somebody signed"
  static override description =
    'Reads the whole store, also while it is in use: the file itself, every hash and signature of exams and tasks, every ' +
    "verdict's hash, the totals, and whether the ranking's state follows from the evidence. Exits 8 when something is wrong."
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --signatures --json',
  ]
  static override flags = {
    signatures: Flags.boolean({description: 'check the signature of every verdict too, about 3,000 a second'}),
  }

  async run(): Promise<{checks: StoreCheck[]}> {
    const {flags} = await this.parse(DbCheck)
    const app = await this.open('api')
    const [{checkOwnStore}, {requireWhole}] = await Promise.all([
      import('../../app/store-care.js'),
      import('../../services/store-check.js'),
    ])
    const checks = await checkOwnStore(app, flags.signatures, this.signal)
    this.table(columns, checks)
    requireWhole(checks)
    return {checks}
  }
}
