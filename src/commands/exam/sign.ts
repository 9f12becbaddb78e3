import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import {hotkeyFlag} from '../../cli/flags.js'
import type {SignedExam} from '../../domain/exam.js'

export default class ExamSign extends BaseCommand {
  static override summary = "sign an exam with the owner's hotkey, to be published later or from elsewhere"
  static override description =
    'Takes parameters as EXAM_FILE has them, or a whole exam. Checks that this program can run it, and prints the signed ' +
    'exam for leoma exam publish.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> next-exam.json --from-task 1200 --json > signed.json',
  ]
  static override args = {file: Args.string({description: 'JSON file with an exam or its parameters', required: true})}
  static override flags = {
    'from-task': Flags.integer({
      description: 'first task of it; by default the one after the round that is being held now',
      helpValue: '<id>',
      min: 1,
    }),
    sampler: hotkeyFlag({
      description: 'hotkey that may make tasks; those of the exam in force by default',
      multiple: true,
    }),
    mechanism: Flags.string({description: 'what is examined', helpValue: '<name>', default: 'video'}),
  }

  async run(): Promise<SignedExam> {
    const {args, flags} = await this.parse(ExamSign)
    const app = await this.open(['api', 'reader'])
    const {signNewExam} = await import('../../app/exam.js')
    const {'from-task': fromTask, sampler: samplers = [], mechanism} = flags
    const signed = await signNewExam(app, {file: args.file, fromTask, samplers, mechanism}, this.signal)
    this.log(JSON.stringify(signed))
    this.logToStderr(`exam ${signed.examHash} from task ${signed.exam.fromTask} on, signed by ${signed.signer}`)
    return signed
  }
}
