import {Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import {hotkeyOrName} from '../../cli/flags.js'
import {printable} from '../../cli/printable.js'
import type {MinerStatus as Status, Verdict} from '../../services/miner-status.js'

const marks: Readonly<Record<Verdict, string>> = {ok: 'ok', bad: 'BAD', waiting: '...', unknown: '?'}

export default class MinerStatus extends BaseCommand {
  static override summary = 'see what the chain, the providers and the subnet say about a miner, and what to do next'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --hotkey 5F3sa2TJ… --json',
  ]
  static override flags = {
    hotkey: Flags.string({
      description: 'its address, or its name in the wallet (instead of HOTKEY_NAME)',
      helpValue: '<address|name>',
    }),
    coldkey: Flags.string({description: 'name of the wallet (instead of WALLET_NAME)', helpValue: '<name>'}),
  }

  async run(): Promise<Status> {
    const {flags} = await this.parse(MinerStatus)
    const {address, name} = await hotkeyOrName(flags.hotkey)
    const app = await this.open('miner', {
      ...(flags.coldkey === undefined ? {} : {WALLET_NAME: flags.coldkey}),
      ...(name === undefined ? {} : {HOTKEY_NAME: name}),
    })
    const hotkey = address ?? (await app.signer()).hotkey
    const {minerStatus} = await import('../../services/miner-status.js')
    const [api, models] = await Promise.all([app.api(), app.models()])
    const {netuid, network} = app.config
    const status = await minerStatus(hotkey, {api, models, netuid, network, chain: () => app.chain()}, this.signal)
    if (!this.jsonEnabled()) this.#show(status)
    return status
  }

  #show({hotkey, lines, next}: Status): void {
    this.log(hotkey)
    for (const {about, says, verdict} of lines) {
      this.log(printable(`${marks[verdict].padEnd(4)} ${about.padEnd(12)} ${says}`))
    }
    this.log(printable(`next: ${next}`))
  }
}
