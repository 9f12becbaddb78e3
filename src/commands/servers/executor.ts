import {ServiceCommand} from '../../cli/service-command.js'

export default class Executor extends ServiceCommand {
  static override summary = "run miners' images in a sandbox, measure them, and sign what was found"
  static override description =
    'A validator of its own asks it: EXECUTOR_API_URL there names this address, and both use the same hotkey and the ' +
    'same MECHANISMS. leoma doctor --role executor tries the sandbox out.'
  static override examples = ['MECHANISMS=video:0,talking-head:1 <%= config.bin %> <%= command.id %>']
  protected override readonly services = ['executor'] as const
}
