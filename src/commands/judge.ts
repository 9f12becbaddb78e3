import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import {printable} from '../cli/printable.js'
import type {Column} from '../cli/table.js'
import {exitCodes} from '../errors.js'
import type {AspectRow, JudgedFile} from '../services/judge-file.js'

const columns: readonly Column<AspectRow>[] = [
  {name: 'aspect', value: ({aspect, isCritical}) => `${aspect}${isCritical ? ' *' : ''}`},
  {name: 'score', value: ({score}) => score, align: 'right'},
  {name: 'weight', value: ({weight}) => weight, align: 'right'},
]

export default class Judge extends BaseCommand {
  static override summary = 'gate and judge one video, as a validator would'
  static override description =
    'For miners before they commit, and for owners who calibrate an exam: the gates, then one judge, then what the exam ' +
    'makes of the scores. Nothing is signed, stored or sent, but a judge that asks a vision model costs money and keeps ' +
    'to the same budget as a validator (JUDGE_BUDGET_PER_HOUR); the same question is paid for once. Aspects with a star ' +
    'are critical.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> out.mp4 --first-frame first.png --prompt "the cup slides left" --clip original.mp4',
    '<%= config.bin %> <%= command.id %> out.mp4 --first-frame first.png --prompt "the cup slides left" --judge openai --json',
  ]
  static override args = {
    file: Args.string({description: 'the video to judge', required: true}),
  }
  static override flags = {
    'first-frame': Flags.string({
      description: 'PNG that the video had to begin with; without it, a video made from text alone',
      helpValue: '<png>',
    }),
    prompt: Flags.string({description: 'what the video had to show', helpValue: '<text>', required: true}),
    clip: Flags.string({
      description: 'the original, which the reference judge compares with',
      helpValue: '<video>',
    }),
    judge: Flags.string({description: "reference or openai; the exam's by default", helpValue: '<name>'}),
    model: Flags.string({description: 'another vision model than the one in the options', helpValue: '<name>'}),
    exam: Flags.string({
      description: 'JSON file with an exam; the one built into the program by default',
      helpValue: '<file>',
    }),
    strict: Flags.boolean({description: 'exit with 8 when the video does not pass'}),
  }

  async run(): Promise<JudgedFile> {
    const {args, flags} = await this.parse(Judge)
    const {chooseJudge, judgeFile, readExamFile} = await import('../services/judge-file.js')
    const exam = flags.exam === undefined ? undefined : await readExamFile(flags.exam)
    const app = await this.open('evaluator')
    const choice = chooseJudge(exam, {judge: flags.judge, model: flags.model}, await app.judges())
    const given = {file: args.file, firstFrame: flags['first-frame'], clip: flags.clip, prompt: flags.prompt}
    const judged = await judgeFile(given, choice, await app.media(), this.signal)
    this.#show(judged)
    const {calls, remembered, usd} = (await app.vision()).usage()
    if (calls + remembered > 0)
      this.logToStderr(`$${usd.toFixed(4)} for ${calls} calls; ${remembered} answers were remembered`)
    if (!flags.strict || judged.passed) return judged
    // Printed here, since leaving with a code of its own keeps oclif from doing it.
    if (this.jsonEnabled()) this.logJson(judged)
    return this.exit(exitCodes.checks)
  }

  #show({gates, judge, scores, overall, why}: JudgedFile): void {
    if (this.jsonEnabled()) return
    const measured = Object.entries(gates.measured).map(([name, value]) => `${name} ${Number(value.toFixed(2))}`)
    this.log(printable(`gates: ${gates.passed ? 'passed' : `failed at ${gates.failed}`} (${measured.join(', ')})`))
    if (scores) {
      this.log(`judge: ${judge.name} ${judge.version}, overall ${overall} of 100, confidence ${scores.confidence}`)
      this.table(columns, scores.aspects)
      this.log(printable(scores.reasoning))
      for (const issue of scores.issues) this.log(printable(`- ${issue}`))
    }
    this.log(printable(why))
  }
}
