import {ServiceCommand} from '../../cli/service-command.js'

export default class Api extends ServiceCommand {
  static override summary = "the owner's API: checks miners, takes verdicts, ranks"
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['api'] as const
}
