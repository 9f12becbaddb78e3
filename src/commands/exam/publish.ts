import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import type {Column} from '../../cli/table.js'
import type {SignedExam} from '../../domain/exam.js'
import type {ExamChange} from '../../services/exam-text.js'

const columns: readonly Column<ExamChange>[] = [
  {name: 'parameter', value: ({parameter}) => parameter},
  {name: 'before', value: ({before}) => before ?? '-'},
  {name: 'after', value: ({after}) => after ?? '-'},
  {name: 'meaning', value: ({meaning}) => meaning ?? '', flexible: true},
]

export default class ExamPublish extends BaseCommand {
  static override summary = 'publish a new exam, from a task on that is yet to come'
  static override description =
    "Signs a file with the owner's hotkey, or takes one that leoma exam sign has signed, and gives it to the owner's API, " +
    'which refuses one that it cannot run or that would rewrite the past. Shows what changes first. Everybody sees the new ' +
    'exam at once; tasks before the first one of it are judged and ranked as before.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> next-exam.json --from-task 1200',
    '<%= config.bin %> <%= command.id %> signed.json --signed --yes',
  ]
  static override args = {file: Args.string({description: 'JSON file with an exam or its parameters', required: true})}
  static override flags = {
    signed: Flags.boolean({description: 'the file is what leoma exam sign printed', exclusive: ['from-task']}),
    'from-task': Flags.integer({
      description: 'first task of it; by default the one after the round that is being held now',
      helpValue: '<id>',
      min: 1,
    }),
    mechanism: Flags.string({description: 'what is examined', helpValue: '<name>', default: 'video'}),
    'dry-run': Flags.boolean({description: 'show what would change, and do nothing'}),
    yes: Flags.boolean({description: 'do not ask'}),
  }

  async run(): Promise<{exam: SignedExam; changes: readonly ExamChange[]; published: boolean}> {
    const {args, flags} = await this.parse(ExamPublish)
    const app = await this.open(['api', 'reader'])
    const [{findExam, publishSigned, readSignedExam, signNewExam}, {examChanges}, {LeomaError}] = await Promise.all([
      import('../../app/exam.js'),
      import('../../services/exam-text.js'),
      import('../../errors.js'),
    ])
    const {'from-task': fromTask, mechanism} = flags
    const exam = flags.signed
      ? await readSignedExam(app, args.file)
      : await signNewExam(app, {file: args.file, fromTask, samplers: [], mechanism}, this.signal)
    const current = await findExam(app, 'current', mechanism, this.signal)
    const changes = examChanges(current.exam, exam.exam)
    this.table(columns, changes)
    if (changes.every(({parameter}) => parameter === 'fromTask')) {
      throw new LeomaError('usage', 'EXAM_UNCHANGED', 'this exam changes nothing but its first task', {
        hints: ['windows never mix two exams: publishing it would only begin an empty one'],
      })
    }
    if (flags['dry-run']) return {exam, changes, published: false}
    const {confirm} = await import('../../cli/confirm.js')
    const question = `Publish it from task ${exam.exam.fromTask} on?`
    if (!flags.yes && !(await confirm(question, '--yes', this.signal))) {
      this.logToStderr('nothing was published')
      return {exam, changes, published: false}
    }
    const taken = await publishSigned(app, exam, this.signal)
    this.logToStderr(`published: from task ${taken.from_task} on${taken.in_force ? ', which is the next one' : ''}`)
    return {exam, changes, published: true}
  }
}
