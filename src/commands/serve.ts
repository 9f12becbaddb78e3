import {ServiceCommand} from '../cli/service-command.js'

export default class Serve extends ServiceCommand {
  static override summary = 'validate: judge new tasks and set weights, in one process'
  static override description =
    'What a validator runs for months. Judges every published task, sends the signed verdicts to the owner, and sets the ' +
    'weights that it has verified itself from the public signed verdicts; while these have holes or cannot be had, the ' +
    'last good winner is kept. WEIGHTS_SOURCE=api takes the word of the owner instead. Stops cleanly on SIGTERM.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    'NETWORK=localnet <%= config.bin %> <%= command.id %>',
  ]
  protected override readonly services = ['evaluator', 'validator'] as const
}
