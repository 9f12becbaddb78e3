import {hotkeyArg} from '../../cli/args.js'
import {BaseCommand} from '../../cli/base-command.js'

export default class BlacklistRemove extends BaseCommand {
  static override summary = 'take a hotkey off the blacklist'
  static override description =
    "Signed by the wallet, whose hotkey must be the subnet owner's or one of the API's ADMIN_HOTKEYS."
  static override examples = ['<%= config.bin %> <%= command.id %> 5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty']
  static override args = {hotkey: hotkeyArg({required: true})}

  async run(): Promise<{hotkey: string; removed: boolean}> {
    const {args} = await this.parse(BlacklistRemove)
    const app = await this.open(['reader', 'miner'])
    const removed = await (await app.blacklist({signed: true})).unban(args.hotkey, this.signal)
    this.log(removed ? `${args.hotkey} is not banned any more` : `${args.hotkey} was not banned`)
    return {hotkey: args.hotkey, removed}
  }
}
