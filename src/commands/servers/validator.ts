import {ServiceCommand, type Stopped} from '../../cli/service-command.js'
import {preferMemoryToSpeed} from '../../runtime/heap.js'

export default class Validator extends ServiceCommand {
  static override summary = 'set the weights that follow from the public evidence'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['validator'] as const

  override async run(): Promise<Stopped> {
    preferMemoryToSpeed()
    return super.run()
  }
}
