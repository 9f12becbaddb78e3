import {ServiceCommand} from '../../cli/service-command.js'

export default class Sampler extends ServiceCommand {
  static override summary = 'make tasks: choose a clip, ask every miner, publish what they answered'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['sampler'] as const
}
