import {BaseCommand} from '../../cli/base-command.js'
import {hotkeyFlag} from '../../cli/flags.js'

export default class DbRemoveValidator extends BaseCommand {
  static override summary = 'take back what db add-validator did'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --hotkey 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
  ]
  static override flags = {hotkey: hotkeyFlag({required: true})}

  async run(): Promise<{hotkey: string; stays: boolean}> {
    const {flags} = await this.parse(DbRemoveValidator)
    const app = await this.open('api')
    const [{removeValidator}, {systemTime}] = await Promise.all([
      import('../../services/validator-list.js'),
      import('../../runtime/clock.js'),
    ])
    const removed = removeValidator(await app.store(), flags.hotkey, systemTime().now())
    this.log(
      removed.stays
        ? `${removed.hotkey} is no longer added by hand; it stays, because the chain says that it may vote`
        : `${removed.hotkey} may no longer vote`,
    )
    return removed
  }
}
