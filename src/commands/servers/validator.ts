import {ServiceCommand, type Stopped} from '../../cli/service-command.js'
import {preferMemoryToSpeed} from '../../runtime/heap.js'

export default class Validator extends ServiceCommand {
  static override summary = 'set the weights that follow from the public evidence'
  static override description =
    'Follows the signed verdicts that the owner publishes, verifies every one, makes the ranking itself and sets the weights ' +
    'that follow, whatever /weights says; when the two disagree, log and health say so. While evidence is missing or ' +
    'damaged, the last good winner is kept. WEIGHTS_SOURCE=api takes the word of the owner instead. Judges nothing.'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['validator'] as const

  override async run(): Promise<Stopped> {
    preferMemoryToSpeed()
    return super.run()
  }
}
