import {BaseCommand} from '../../cli/base-command.js'
import {hotkeyFlag, stakeFlag, uidFlag} from '../../cli/flags.js'
import type {ValidatorRow} from '../../services/validator-list.js'

export default class DbAddValidator extends BaseCommand {
  static override summary = 'let a validator vote, whatever the chain says about it'
  static override description =
    'Validators with enough stake and a permit are found on the chain by themselves; this is for one that is not. ' +
    'It stays until it is removed by hand. Given again, it changes the entry.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --uid 7 --hotkey 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
    '<%= config.bin %> <%= command.id %> --uid 7 --hotkey 5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY --stake 1000',
  ]
  static override flags = {
    uid: uidFlag({required: true}),
    hotkey: hotkeyFlag({required: true}),
    stake: stakeFlag({description: 'weight of its vote, in alpha; what the chain says when left out'}),
  }

  async run(): Promise<ValidatorRow> {
    const {flags} = await this.parse(DbAddValidator)
    const app = await this.open('api')
    const [{addValidator}, {systemTime}] = await Promise.all([
      import('../../services/validator-list.js'),
      import('../../runtime/clock.js'),
    ])
    const {uid, hotkey, stake: stakeRao} = flags
    const validator = addValidator(await app.store(), {uid, hotkey, stakeRao}, systemTime().now())
    this.log(`validator ${validator.uid} (${validator.hotkey}) may vote with ${validator.stake} alpha`)
    if (validator.stakeRao === '0')
      this.logToStderr('its vote counts nothing until the chain shows stake, or --stake says so')
    return validator
  }
}
