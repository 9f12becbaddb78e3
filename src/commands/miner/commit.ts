import {Flags} from '@oclif/core'
import {BaseCommand} from '../../cli/base-command.js'
import {confirm} from '../../cli/confirm.js'
import {dryRunFlag, yesFlag} from '../../cli/flags.js'
import {printable} from '../../cli/printable.js'
import type {CommitPlan, Committed} from '../../services/miner-commit.js'

export default class MinerCommit extends BaseCommand {
  static override summary = 'announce a model on the chain, so that the subnet asks it'
  static override description =
    'Checks everything that could waste a commitment first: a hotkey has two in its life. Shows exactly what is signed ' +
    'and asks; then waits until the commitment is revealed and reads it back.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123… --chute-id 8f…  --dry-run',
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123… --chute-id 8f… --yes --json',
  ]
  static override flags = {
    'model-name': Flags.string({
      description: 'repository on Hugging Face: its name begins with leoma and ends with the hotkey',
      helpValue: '<user/repository>',
      required: true,
    }),
    'model-revision': Flags.string({
      description: 'commit of the model, 40 hex digits',
      helpValue: '<commit>',
      required: true,
    }),
    'chute-id': Flags.string({description: 'the chute that serves the model', helpValue: '<id>', required: true}),
    coldkey: Flags.string({description: 'name of the wallet (instead of WALLET_NAME)', helpValue: '<name>'}),
    hotkey: Flags.string({
      description: 'name of the hotkey in the wallet, or its address (instead of HOTKEY_NAME)',
      helpValue: '<name|address>',
    }),
    plain: Flags.boolean({
      description: 'write it in the open at once, instead of hidden for the first block; 512 bytes fit',
    }),
    form: Flags.option({
      description:
        'how it is written: json, as the published subnet does, or short, which only leoma reads; the first that the ' +
        'chain has room for when left out',
      options: ['json', 'short'] as const,
    })(),
    yes: yesFlag,
    'dry-run': dryRunFlag,
  }

  async run(): Promise<Committed | {plan: CommitPlan; sent: false}> {
    const {flags} = await this.parse(MinerCommit)
    const app = await this.open('miner', {
      ...(flags.coldkey === undefined ? {} : {WALLET_NAME: flags.coldkey}),
      ...(flags.hotkey === undefined ? {} : {HOTKEY_NAME: flags.hotkey}),
    })
    const [{planCommit, sendCommit}, {systemTime}] = await Promise.all([
      import('../../services/miner-commit.js'),
      import('../../runtime/clock.js'),
    ])
    const submission = {
      modelName: flags['model-name'],
      modelRevision: flags['model-revision'],
      chuteId: flags['chute-id'],
    }
    const [chain, signer] = [await app.chain(), await app.signer()]
    const plan = await planCommit(chain, app.config.netuid, signer.hotkey, submission, this.signal, {
      plain: flags.plain,
      form: flags.form,
    })
    this.#show(plan)
    if (flags['dry-run']) return {plan, sent: false}
    if (!flags.yes && !(await confirm('Sign and send this?', '--yes', this.signal))) {
      this.logToStderr('nothing was sent')
      return {plan, sent: false}
    }

    this.logToStderr('sent; waiting for the reveal …')
    const done = await sendCommit({chain, signer, time: systemTime()}, plan, this.signal)
    this.log(`committed in block ${done.block}, readable since block ${done.revealedAtBlock}`)
    this.log(`extrinsic ${done.extrinsic}`)
    if (done.url !== null) this.log(`see ${done.url}`)
    this.logToStderr('next: leoma get-rank shows where the miner stands once it has been judged')
    return done
  }

  /** Always, with --json too: nobody should be asked to sign what was not shown. */
  #show({network, netuid, hotkey, uid, text, form, maxTextBytes, hidden, space, replaces, left}: CommitPlan): void {
    const lines = [
      `on      ${network}, subnet ${netuid}`,
      `signer  ${hotkey} (uid ${uid})`,
      `text    ${text}`,
      `form    ${form === 'json' ? 'the published JSON' : 'short, which this program reads'}; the chain takes ${maxTextBytes} bytes`,
      hidden
        ? 'hidden  until the chain opens it, a block or two later'
        : 'open    at once, and replaced by the next one',
      `space   ${space.costBytes} bytes${space.leftBytes === null ? '' : ` of ${space.leftBytes} left in this epoch`}`,
      ...(replaces ? [`instead of the commitment of block ${replaces.block}: ${replaces.text}`] : []),
      hidden
        ? `commitments left after this one: ${left}`
        : `hidden commitments that may follow: ${left}; an open one counts while it stands`,
    ]
    process.stderr.write(`${printable(lines.join('\n'))}\n`)
  }
}
