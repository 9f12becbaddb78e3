import {ServiceCommand} from '../../cli/service-command.js'

export default class Evaluator extends ServiceCommand {
  static override summary = 'judge new tasks and send the signed verdicts to the owner'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['evaluator'] as const
}
