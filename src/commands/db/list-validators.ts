import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'
import type {ValidatorRow} from '../../services/validator-list.js'

const columns: readonly Column<ValidatorRow>[] = [
  {name: 'uid', value: ({uid}) => uid, align: 'right'},
  {name: 'hotkey', value: ({hotkey}) => hotkey},
  {name: 'stake', value: ({stake}) => stake, align: 'right'},
  {name: 'why', value: ({isPinned}) => (isPinned ? 'added by hand' : 'stake and permit')},
  {name: 'last seen', value: ({lastActiveAt}) => lastActiveAt ?? 'never'},
]

export default class DbListValidators extends BaseCommand {
  static override summary = 'the validators that may vote'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']

  async run(): Promise<{validators: ValidatorRow[]}> {
    await this.parse(DbListValidators)
    const app = await this.open('api')
    const {listValidatorRows} = await import('../../services/validator-list.js')
    const validators = listValidatorRows(await app.store())
    if (validators.length > 0) this.table(columns, validators)
    else
      this.logToStderr('none yet: leoma servers api finds them on the chain, leoma db add-validator adds one by hand')
    return {validators}
  }
}
