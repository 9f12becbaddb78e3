import {Flags} from '@oclif/core'
import type {BlacklistEntryBody} from '../../api/schemas.js'
import {hotkeyArg} from '../../cli/args.js'
import {BaseCommand} from '../../cli/base-command.js'

export default class BlacklistAdd extends BaseCommand {
  static override summary = 'ban a hotkey: it may neither call the API nor be asked'
  static override description =
    "Signed by the wallet, whose hotkey must be the subnet owner's or one of the API's ADMIN_HOTKEYS. A banned miner is " +
    'left out of the ranking with the next validation. Given again, it replaces the reason.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty --reason "serves another model"',
  ]
  static override args = {hotkey: hotkeyArg({required: true})}
  static override flags = {
    reason: Flags.string({char: 'r', description: 'why; everybody can read it', helpValue: '<text>'}),
  }

  async run(): Promise<BlacklistEntryBody> {
    const {args, flags} = await this.parse(BlacklistAdd)
    const app = await this.open(['reader', 'miner'])
    const api = await app.blacklist({signed: true})
    const entry = await api.ban(args.hotkey, flags.reason ?? null, this.signal)
    this.log(`${entry.hotkey} is banned`)
    return entry
  }
}
