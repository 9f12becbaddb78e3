import {ServiceCommand} from '../../cli/service-command.js'

export default class Executor extends ServiceCommand {
  static override summary = "run miners' images in a sandbox, measure them, and sign what was found"
  static override description =
    'A validator of its own asks it: EXECUTOR_API_URL there names this address, and both use the same hotkey.'
  static override examples = ['NETWORK=localnet <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['executor'] as const
}
