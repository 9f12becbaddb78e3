import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'
import type {ExamChange} from '../../services/exam-text.js'

const columns: readonly Column<ExamChange>[] = [
  {name: 'parameter', value: ({parameter}) => parameter},
  {name: 'before', value: ({before}) => before ?? '-'},
  {name: 'after', value: ({after}) => after ?? '-'},
  {name: 'meaning', value: ({meaning}) => meaning ?? '', flexible: true},
]

export default class ExamDiff extends BaseCommand {
  static override summary = 'what changes from one exam to another, and what each change means'
  static override examples = [
    '<%= config.bin %> <%= command.id %> default current',
    '<%= config.bin %> <%= command.id %> current next-exam.json --json',
  ]
  static override args = {
    before: Args.string({description: 'current, default, task:N, a hash, or a file', required: true}),
    after: Args.string({description: 'the same; the exam in force unless given', default: 'current'}),
  }
  static override flags = {
    mechanism: Flags.string({description: 'of default and of bare parameters', helpValue: '<name>', default: 'video'}),
  }

  async run(): Promise<{before: string; after: string; changes: readonly ExamChange[]}> {
    const {args, flags} = await this.parse(ExamDiff)
    const [app, {findExam}, {examChanges}] = [
      await this.open('reader'),
      await import('../../app/exam.js'),
      await import('../../services/exam-text.js'),
    ]
    const before = await findExam(app, args.before, flags.mechanism, this.signal)
    const after = await findExam(app, args.after, flags.mechanism, this.signal)
    const changes = examChanges(before.exam, after.exam)
    if (changes.length > 0) this.table(columns, changes)
    this.logToStderr(changes.length === 0 ? 'nothing differs' : `${changes.length} parameters differ`)
    return {before: before.examHash, after: after.examHash, changes}
  }
}
