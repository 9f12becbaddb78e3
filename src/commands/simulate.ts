import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import type {Column} from '../cli/table.js'
import type {Simulation} from '../services/simulate/simulate.js'

type Row = Simulation['rows'][number]

const percent = (share: number) => `${(100 * share).toFixed(1)} %`

const columns: readonly Column<Row>[] = [
  {name: 'attack', value: ({attack}) => attack},
  {name: 'rule', value: ({rule}) => rule},
  {name: 'best paid', value: ({bestShare}) => percent(bestShare), align: 'right'},
  {name: 'points short', value: ({shortfall}) => shortfall.toFixed(2), align: 'right'},
  {name: 'best crowned', value: ({crowned, toCrown}) => `${crowned} of ${toCrown}`, align: 'right'},
  {name: 'after tasks', value: ({medianTasks}) => medianTasks ?? '-', align: 'right'},
  {name: 'wrong changes', value: ({falseChanges}) => falseChanges.toFixed(1), align: 'right'},
  {name: 'attackers earn', value: ({attackerShare}) => percent(attackerShare), align: 'right'},
  {
    name: 'they gain',
    value: ({gain, gainError}) => `${percent(gain)} ± ${(100 * gainError).toFixed(1)}`,
    align: 'right',
  },
]

export default class Simulate extends BaseCommand {
  static override summary = 'play seasons of made-up miners to see whom a rule of dominance pays'
  static override description =
    'Honest, lucky and cheating miners whose true strength is known sit made-up tasks; votes of five validators are ' +
    'folded and weighed by the same code that ranks a subnet. Tells per rule how often the truly best model is paid, ' +
    'how many points of pass rate are lost to worse ones, after how many tasks a new best model is paid first, how often ' +
    'in a season the lead goes to a model that is no better, and what attackers earn and gain. The same seed gives the ' +
    'same answer. Needs no key, wallet or network.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --attack clones --rule dominance-2 --odds-against 200 --seasons 50',
  ]
  static override flags = {
    rule: Flags.option({
      description: 'a rule of dominance; both unless given',
      options: ['dominance-1', 'dominance-2'] as const,
      multiple: true,
    })(),
    attack: Flags.string({
      description: 'none, clone, clones, sybil, lucky, easy, moat, switch or bought; all unless given',
      helpValue: '<name>',
      multiple: true,
    }),
    seasons: Flags.integer({description: 'how many are played of each kind', min: 1, max: 10_000, default: 20}),
    tasks: Flags.integer({description: 'length of a season', min: 20, max: 20_000, default: 1200}),
    seed: Flags.string({description: 'other seeds give other seasons', default: '1'}),
    exam: Flags.string({
      description: 'JSON file with an exam; the one built into the program by default',
      helpValue: '<file>',
    }),
    window: Flags.integer({description: 'instead of ranking.window', min: 1, max: 10_000}),
    dominance: Flags.string({description: 'instead of ranking.dominance, 0 to 1', helpValue: '<share>'}),
    'odds-against': Flags.integer({description: 'instead of ranking.oddsAgainst (dominance-2)', min: 2}),
    memory: Flags.integer({description: 'instead of ranking.memory (dominance-2)', min: 1, max: 10_000}),
    threads: Flags.integer({description: 'processors to use; all by default', min: 1, max: 256}),
  }

  async run(): Promise<Simulation> {
    const {flags} = await this.parse(Simulate)
    const [{simulate}, {attacks}, {readExamFile}, {defaults}, {systemTime}, {availableParallelism}] = await Promise.all(
      [
        import('../services/simulate/simulate.js'),
        import('../services/simulate/attacks.js'),
        import('../services/judge-file.js'),
        import('../services/simulate/simulate.js'),
        import('../runtime/clock.js'),
        import('node:os'),
      ],
    )
    const exam = flags.exam === undefined ? defaults : await readExamFile(flags.exam)
    await this.open('reader')
    const simulation = await simulate(
      {
        exam,
        rules: flags.rule ?? ['dominance-1', 'dominance-2'],
        attacks: flags.attack ?? attacks.map(({name}) => name),
        ...{seasons: flags.seasons, tasks: flags.tasks, seed: flags.seed},
        ranking: {
          window: flags.window,
          // What is no number is refused together with what is none that fits.
          dominance: flags.dominance === undefined ? undefined : Number(flags.dominance),
          oddsAgainst: flags['odds-against'],
          memory: flags.memory,
        },
        threads: flags.threads ?? availableParallelism(),
        onProgress: (done, of) => this.#progress(done, of),
      },
      systemTime(),
      this.signal,
    )
    this.table(columns, simulation.rows)
    for (const {rule, ranking} of simulation.rules) {
      const {window, dominance, oddsAgainst, memory} = ranking
      const proof = oddsAgainst === undefined ? '' : `, chance once in ${oddsAgainst}, memory of ${memory} tasks`
      this.logToStderr(`${rule}: window of ${window} tasks, dominance ${dominance}${proof}`)
    }
    return simulation
  }

  /** A line that is written over on a terminal; a line a tenth elsewhere. */
  #progress(done: number, of: number): void {
    const {stderr} = process
    if (stderr.isTTY) stderr.write(`\r${done} of ${of} seasons${done === of ? '\n' : ''}`)
    else if (done === of || Math.floor((10 * done) / of) > Math.floor((10 * (done - 1)) / of))
      stderr.write(`${done} of ${of} seasons\n`)
  }
}
