import {ServiceCommand} from '../../cli/service-command.js'

export default class Validator extends ServiceCommand {
  static override summary = 'set weights on the chain to the published ranking'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['validator'] as const
}
