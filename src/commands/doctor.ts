import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import {printable} from '../cli/printable.js'
import {exitCodes, LeomaError} from '../errors.js'
import type {CheckResult, DoctorReport} from '../services/doctor.js'

const roles = ['validator', 'executor', 'sampler', 'api', 'miner'] as const
const marks = {ok: 'ok', warn: 'warn', fail: 'FAILS', skipped: '-'} as const

export default class Doctor extends BaseCommand {
  static override summary = 'look for everything that would keep leoma from working here, with a remedy for each'
  static override description =
    'Looks at this machine, the configuration, the chain, the API, the buckets and the keys, all at once. Writes and ' +
    'deletes small objects named doctor/… where a pair of credentials is for writing, or must not be able to write. ' +
    'Ends with 8 when something fails.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --role sampler --json',
  ]
  static override flags = {
    role: Flags.option({description: 'what this machine is to be', options: roles, default: 'validator' as const})(),
  }

  async run(): Promise<DoctorReport & {readonly role: string}> {
    const {role} = (await this.parse(Doctor)).flags
    const {hasty, configRoles, runDoctor} = await import('../app/doctor.js')
    const found = await this.openAnyway(configRoles[role], hasty)
    const report = {role, ...(await runDoctor({role, ...found}, this.signal))}
    if (!this.jsonEnabled()) this.#show(report.checks)
    if (report.ok) return report

    const failed = report.checks.filter(({status}) => status === 'fail').map(({check}) => check)
    const failure = new LeomaError(
      'checks',
      'DOCTOR_FAILED',
      `something is wrong with: ${[...new Set(failed)].join(', ')}`,
    )
    if (!this.jsonEnabled()) throw failure
    // The report is the answer even when it is a bad one.
    this.logJson({...report, error: failure.toJSON()})
    return this.exit(exitCodes.checks)
  }

  #show(results: readonly CheckResult[]): void {
    const width = Math.max(...results.map(({check}) => check.length))
    for (const {check, status, detail, code, hints} of results) {
      const [first = '', ...more] = printable(detail).split('\n')
      this.log(`${marks[status].padEnd(5)}  ${check.padEnd(width)}  ${first}${code === null ? '' : ` [${code}]`}`)
      for (const line of more) this.log(`${' '.repeat(width + 9)}${line}`)
      for (const hint of hints) this.log(`${' '.repeat(width + 9)}try: ${printable(hint)}`)
    }
  }
}
