import {Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import {printable} from '../../cli/printable.js'
import type {Column} from '../../cli/table.js'
import type {WalletList as List, WalletRow} from '../../services/wallet-list.js'

const columns: readonly Column<WalletRow>[] = [
  {name: 'wallet', value: ({wallet}) => printable(wallet)},
  {name: 'hotkey', value: ({hotkey}) => printable(hotkey ?? '-')},
  {name: 'address', value: ({address}) => address ?? '?'},
  {name: 'uid', value: ({uid}) => (uid === undefined ? '?' : (uid ?? '-')), align: 'right'},
  {name: 'permit', value: ({validatorPermit}) => (validatorPermit ? 'yes' : 'no')},
  {name: 'password', value: ({isEncrypted}) => (isEncrypted ? 'yes' : 'no')},
  {name: 'problem', value: ({problem}) => printable(problem ?? ''), flexible: true},
]

export default class WalletList extends BaseCommand {
  static override summary = 'see which keys are on this machine, and which are registered'
  static override description =
    'Reads the folder of Bittensor wallets (BT_WALLET_PATH) and asks the chain where the hotkeys are on the subnet. No ' +
    'password is needed: nothing is decrypted.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --offline --json',
  ]
  static override flags = {offline: Flags.boolean({description: 'do not ask the chain'})}

  async run(): Promise<List> {
    const {flags} = await this.parse(WalletList)
    const app = await this.open('miner')
    const {listWalletRows} = await import('../../services/wallet-list.js')
    const chain = flags.offline ? undefined : await app.chain()
    const list = await listWalletRows(await app.wallets(), app.config.netuid, chain, this.signal)
    if (list.wallets.length > 0) this.table(columns, list.wallets)
    else this.logToStderr(`no wallets in ${app.config.wallet.path}; try: btcli wallet create`)
    if (list.chainProblem !== null) this.logToStderr(printable(`the chain: ${list.chainProblem}`))
    return list
  }
}
