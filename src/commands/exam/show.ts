import {Args, Flags} from '@oclif/core'
import type {FoundExam} from '../../app/exam.js'
import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'

interface Row {
  readonly parameter: string
  readonly value: string
  readonly meaning: string | null
}

const columns: readonly Column<Row>[] = [
  {name: 'parameter', value: ({parameter}) => parameter},
  {name: 'value', value: ({value}) => value},
  {name: 'meaning', value: ({meaning}) => meaning ?? '', flexible: true},
]

export default class ExamShow extends BaseCommand {
  static override summary = 'what miners are examined by: every parameter that can change a verdict or a rank'
  static override description =
    'Shows the exam in force, or another one: by its hash or the first digits of it, of a task, from a file, or the one ' +
    'shipped with this program. Needs no wallet. Says whether the signature holds, and whether this program can run it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> task:1200',
    '<%= config.bin %> <%= command.id %> default --json',
  ]
  static override args = {
    exam: Args.string({description: 'current, default, task:N, a hash, or a file', default: 'current'}),
  }
  static override flags = {
    mechanism: Flags.string({description: 'of default and of bare parameters', helpValue: '<name>', default: 'video'}),
  }

  async run(): Promise<FoundExam> {
    const {args, flags} = await this.parse(ExamShow)
    const [app, {findExam}, {examRows}] = [
      await this.open('reader'),
      await import('../../app/exam.js'),
      await import('../../services/exam-text.js'),
    ]
    const found = await findExam(app, args.exam, flags.mechanism, this.signal)
    this.table(columns, examRows(found.exam))
    const {signed, fault, unsupported, examHash, from} = found
    const by = signed
      ? fault
        ? `signed by ${signed.signer}, but ${fault}`
        : `signed by ${signed.signer}`
      : 'not signed'
    this.logToStderr(`exam ${examHash}, ${by}; from ${from}`)
    if (unsupported !== undefined) this.logToStderr(`cannot be run here: ${unsupported}`)
    return found
  }
}
