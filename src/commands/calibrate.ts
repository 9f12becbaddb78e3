import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import {printable} from '../cli/printable.js'
import type {Column} from '../cli/table.js'
import type {Calibration} from '../services/calibrate/calibrate.js'

type Row = Calibration['figures']['separation'][number]

const columns: readonly Column<Row>[] = [
  {name: 'degradation', value: ({degradation}) => degradation},
  ...[0, 1, 2, 3, 4].map(
    (at): Column<Row> => ({name: String(at + 1), value: ({means}) => (means[at] ?? 0).toFixed(0), align: 'right'}),
  ),
  {name: 'area', value: ({area}) => area.toFixed(3), align: 'right'},
  {name: 'area of 3 to 5', value: ({areaOfWorst}) => areaOfWorst.toFixed(3), align: 'right'},
  {name: 'passes', value: ({passes}) => passes.map((share) => `${Math.round(100 * share)}%`).join(' ')},
  {name: 'what', value: ({about}) => about, flexible: true},
]

export default class Calibrate extends BaseCommand {
  static override summary = "measure an exam's noise, and how well its judge tells good videos from bad ones"
  static override description =
    'Makes three good outputs and a ladder of ten degradations in five strengths from each clip, puts all of them to the ' +
    'gates and the judge as a validator would, and answers with mean scores, the area under the ROC curve, how far two ' +
    'looks at the same video lie apart, and the thresholds that follow. About a minute of processor time per clip with ' +
    'the reference judge; a judge that asks a vision model is paid for some 80 answers per clip (JUDGE_BUDGET_PER_HOUR ' +
    'holds). With --out the report, its plots and all figures are written there.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --source ~/Videos --out calibration',
    '<%= config.bin %> <%= command.id %> --clips 2 --judge reference --judge openai --json',
  ]
  static override flags = {
    source: Flags.string({
      description: 'folder of videos of which the exam must be good; clips of our own unless given',
      helpValue: '<folder>',
    }),
    clips: Flags.integer({description: 'how many videos are used at most', min: 2, max: 100, default: 4}),
    judge: Flags.string({
      description: "reference or openai; the exam's unless given; a second one is compared with the first",
      helpValue: '<name>',
      multiple: true,
    }),
    model: Flags.string({description: 'another vision model than the one in the options', helpValue: '<name>'}),
    exam: Flags.string({
      description: 'JSON file with an exam; the one built into the program by default',
      helpValue: '<file>',
    }),
    out: Flags.string({
      description: 'folder for report.md, ladder.svg, roc.svg and calibration.json',
      helpValue: '<folder>',
    }),
    threads: Flags.integer({description: 'outputs that are made and judged at once', min: 1, max: 64}),
  }

  async run(): Promise<Omit<Calibration, 'outputs'> & {readonly files: readonly string[]}> {
    const {flags} = await this.parse(Calibrate)
    const [{calibrate, writeReport}, {chooseJudge, readExamFile}, {availableParallelism}] = await Promise.all([
      import('../services/calibrate/calibrate.js'),
      import('../services/judge-file.js'),
      import('node:os'),
    ])
    const exam = flags.exam === undefined ? undefined : await readExamFile(flags.exam)
    const app = await this.open('evaluator')
    const known = await app.judges()
    const names = flags.judge ?? [undefined]
    const judges = names.map((judge) =>
      // A model belongs to the judges that ask one.
      chooseJudge(exam, {judge, model: judge === 'reference' ? undefined : flags.model}, known),
    )
    const {outputs, ...calibration} = await calibrate(
      {
        ...{
          params: (judges[0] ?? chooseJudge(exam, {}, known)).params,
          judges,
          source: flags.source,
          clips: flags.clips,
        },
        ...{media: await app.media(), run: await app.ffmpeg(), dir: await app.workDir()},
        concurrency: flags.threads ?? availableParallelism(),
        onProgress: (done, of) => this.#progress(done, of),
        onSkip: (file, reason) => this.logToStderr(printable(`skipped ${file}: ${reason}`)),
      },
      this.signal,
    )
    const files = flags.out === undefined ? [] : await writeReport(flags.out, {...calibration, outputs})
    this.#show(calibration)
    for (const file of files) this.logToStderr(printable(`written: ${file}`))
    return {...calibration, files}
  }

  #show({figures, clips, judges, exam}: Omit<Calibration, 'outputs'>): void {
    const {good, area, noise, recommended} = figures
    this.table(columns, figures.separation)
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    for (const line of [
      `${clips.length} clips, judged by ${judges.join(' and ')}; good outputs: mean ${good.mean.toFixed(1)}, least ${good.least}, ${percent(good.passed)} pass`,
      `area under the ROC curve, good against all degraded: ${area.toFixed(4)}`,
      `the same bytes twice: ${noise.twice.most} points apart at most; encoded again: ${noise.again.mean.toFixed(2)} on average, ${noise.again.most} at most, ${percent(noise.again.flips)} of verdicts turn`,
      ...noise.judges.map(
        (one, at) =>
          `${judges[0]} and ${judges[at + 1]}: ${one.mean.toFixed(1)} points apart on average, ${percent(one.flips)} of verdicts differ`,
      ),
      `recommended: judge.passThreshold ${recommended.passThreshold} (now ${exam.passThreshold}), ranking.dominance at least ${recommended.dominance} (now ${exam.dominance})`,
    ])
      this.logToStderr(printable(line))
  }

  /** A line that is written over on a terminal; a line a tenth elsewhere. */
  #progress(done: number, of: number): void {
    const {stderr} = process
    if (stderr.isTTY) stderr.write(`\r${done} of ${of} outputs${done === of ? '\n' : ''}`)
    else if (done === of || Math.floor((10 * done) / of) > Math.floor((10 * (done - 1)) / of))
      stderr.write(`${done} of ${of} outputs\n`)
  }
}
