import {Flags} from '@oclif/core'
import type {AuditReport} from '../app/audit.js'
import {BaseCommand} from '../cli/base-command.js'
import {printable} from '../cli/printable.js'
import type {Column} from '../cli/table.js'
import {exitCodes, LeomaError} from '../errors.js'

const checks: readonly Column<AuditReport['checks'][number]>[] = [
  {name: 'check', value: ({check}) => check},
  {name: 'looked at', value: ({looked}) => looked, align: 'right'},
  {name: 'differs', value: ({differs}) => differs, align: 'right'},
]

const percent = (share: number | null) => (share === null ? '-' : `${(100 * share).toFixed(1)} %`)
const validators: readonly Column<AuditReport['validators'][number]>[] = [
  {name: 'validator', value: ({hotkey}) => hotkey},
  {name: 'uid', value: ({uid}) => uid ?? '-', align: 'right'},
  {name: 'verdicts', value: ({verdicts, expected}) => `${verdicts}/${expected}`, align: 'right'},
  {name: 'with the vote', value: ({agreement}) => percent(agreement), align: 'right'},
  {name: 'judged again', value: ({rejudged}) => rejudged, align: 'right'},
  {name: 'same', value: ({rejudgedAgreement}) => percent(rejudgedAgreement), align: 'right'},
  {
    name: 'weights',
    value: ({weights, weightsAtBlock}) => `${weights}${weightsAtBlock === null ? '' : ` (block ${weightsAtBlock})`}`,
  },
]

export default class Audit extends BaseCommand {
  static override summary = 'prove from public data that the ranking and the weights are right, or name what is not'
  static override description =
    "Reads the owner's public log, the bucket and the chain, and believes none of them: checks every signature and hash, " +
    'repeats the choice of every clip from its block, counts the votes again, makes the ranking and the weights again, and ' +
    'compares them with what the owner says and with what each validator put on the chain. Needs no wallet. Exits with 8 ' +
    'when anything differs. --export keeps everything that was read in a folder, which --source audits again without a network.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --task 1234 --regate all --rejudge 4',
    '<%= config.bin %> <%= command.id %> --from-block 4200000 --export proof --json',
    '<%= config.bin %> <%= command.id %> --source proof',
  ]
  static override flags = {
    source: Flags.string({
      description: "address of an API, or the folder of an archive; the configured API's by default",
      helpValue: '<url|folder>',
    }),
    window: Flags.boolean({
      description: 'the tasks that count now (the default)',
      exclusive: ['task', 'from-block'],
    }),
    task: Flags.integer({description: 'one task', helpValue: '<id>', min: 1, exclusive: ['from-block']}),
    'from-block': Flags.integer({description: 'every task from this block on', helpValue: '<block>', min: 0}),
    mechanism: Flags.string({description: 'which mechanism of the subnet', helpValue: '<name>', default: 'video'}),
    artefacts: Flags.boolean({
      description: 'fetch every clip, frame and output and compare its hash',
      default: true,
      allowNo: true,
    }),
    regate: Flags.string({
      description: 'try the gates again on so many outputs, or all',
      helpValue: '<n|all>',
      default: '0',
    }),
    rejudge: Flags.integer({
      description: 'judge so many outputs again, and compare with every verdict on them',
      helpValue: '<n>',
      default: 0,
      min: 0,
    }),
    export: Flags.string({description: 'keep everything that was read in this folder', helpValue: '<folder>'}),
    'with-chain': Flags.boolean({
      description: 'for an archive: ask the chain itself, not what the archive says of it',
      dependsOn: ['source'],
    }),
  }

  async run(): Promise<AuditReport> {
    const {flags} = await this.parse(Audit)
    const regate = amount(flags.regate)
    const [app, {auditOf}] = [await this.open('evaluator'), await import('../app/audit.js')]
    const report = await auditOf(
      app,
      {
        from: flags.source,
        withChain: flags['with-chain'],
        mechanism: flags.mechanism,
        range: rangeOf(flags.task, flags['from-block']),
        artefacts: flags.artefacts,
        regate,
        rejudge: flags.rejudge,
        exportTo: flags.export,
        onProgress: ({done, of}) => this.#progress(done, of),
      },
      this.signal,
    )
    this.#show(report)
    if (flags.export !== undefined) this.logToStderr(`kept in ${flags.export}: leoma audit --source ${flags.export}`)
    if (report.ok) return report
    const objects = report.findings.filter(({severity}) => severity === 'error').map(({object}) => object)
    const failure = new LeomaError(
      'checks',
      'AUDIT_FAILED',
      `${report.counts.error} things do not agree: ${listed(objects)}`,
      {
        hints: ['each finding says what helps', 'keep the proof: leoma audit --export DIR'],
      },
    )
    if (!this.jsonEnabled()) throw failure
    // The report is the answer even when it is a bad one.
    this.logJson({...report, error: failure.toJSON()})
    return this.exit(exitCodes.checks)
  }

  #progress(done: number, of: number): void {
    if (!process.stderr.isTTY) return
    process.stderr.write(`\r${done} of ${of} tasks${done === of ? '\n' : ''}`)
  }

  #show(report: AuditReport): void {
    if (this.jsonEnabled()) return
    const {range, ranking, findings, counts, source, network, netuid} = report
    this.table(checks, report.checks)
    this.log('')
    if (report.validators.length > 0) this.table(validators, report.validators)
    for (const {severity, code, object, who, expected, found, remedy} of findings) {
      this.log(printable(`${severity === 'error' ? 'DIFFERS' : severity}  ${object} [${code}]`))
      for (const [name, text] of Object.entries({by: who, expected, found, try: remedy}))
        if (text !== null) this.log(printable(`         ${name}: ${text}`))
    }
    const tasks = range ? `tasks ${range.fromTask} to ${range.toTask}` : 'no task'
    this.logToStderr(`audited ${tasks} of subnet ${netuid} on ${network}, from ${printable(source)}`)
    if (ranking) {
      const {winner, decision} = ranking
      const says = winner
        ? `${winner} wins`
        : decision === 'burn'
          ? 'nobody deserves the emission'
          : 'too little has settled'
      this.logToStderr(`the evidence says: ${says} (state ${ranking.stateHash.slice(0, 12)}…)`)
    }
    const agrees = range ? 'everything agrees' : 'nothing differs, and nothing was proved: no settled task was in range'
    this.logToStderr(
      report.ok
        ? `${agrees}${counts.warning > 0 ? `; ${counts.warning} things to look at` : ''}`
        : `${counts.error} things do not agree`,
    )
  }
}

function rangeOf(taskId: number | undefined, block: number | undefined) {
  if (taskId !== undefined) return {of: 'task', taskId} as const
  return block === undefined ? ({of: 'window'} as const) : ({of: 'from-block', block} as const)
}

function amount(text: string): number | 'all' {
  if (text === 'all') return 'all'
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new LeomaError('usage', 'USAGE', `--regate takes a number or all, not ${JSON.stringify(text.slice(0, 40))}`)
}

function listed(objects: readonly string[]): string {
  const shown = objects.slice(0, 3).join('; ')
  return objects.length > 3 ? `${shown}; and ${objects.length - 3} more` : shown
}
