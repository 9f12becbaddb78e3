import {Flags} from '@oclif/core'
import type {SubmittedBody} from '../../api/mechanism-schemas.js'
import {BaseCommand} from '../../cli/base-command.js'
import {confirm} from '../../cli/confirm.js'
import {dryRunFlag, yesFlag} from '../../cli/flags.js'
import {printable} from '../../cli/printable.js'
import type {Committed} from '../../services/miner-commit.js'
import type {OnChainPlan, Submission} from '../../services/miner-submit.js'

type Result =
  | {readonly submission: Submission; readonly answer: SubmittedBody}
  | {readonly submission: Submission; readonly sent: false; readonly plan?: OnChainPlan}
  | {readonly submission: Submission; readonly committed: Committed<OnChainPlan>}

export default class MinerSubmit extends BaseCommand {
  static override summary = 'offer a container image to a mechanism that runs images'
  static override description =
    "Signs the image's reference and sends it to the owner's API, or commits it on the chain, for which no API is needed. " +
    'One submission counts for four days: what is wrong with it is said before it is sent.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --image-ref docker.io/alice/head@sha256:0123… --dry-run',
    '<%= config.bin %> <%= command.id %> --image-ref docker.io/alice/head@sha256:0123… --yes --json',
    '<%= config.bin %> <%= command.id %> --image-ref docker.io/alice/head@sha256:0123… --on-chain',
  ]
  static override flags = {
    'image-ref': Flags.string({
      description: 'the image by the digest of its manifest (instead of IMAGE_REF)',
      helpValue: '<repository@sha256:…>',
    }),
    mechanism: Flags.string({
      description: 'the mechanism that runs it',
      helpValue: '<name>',
      default: 'talking-head',
    }),
    'on-chain': Flags.boolean({description: 'commit it on the chain instead of sending it to the API'}),
    plain: Flags.boolean({
      description: 'write the commitment in the open at once, instead of hidden for the first block',
      dependsOn: ['on-chain'],
    }),
    coldkey: Flags.string({description: 'name of the wallet (instead of WALLET_NAME)', helpValue: '<name>'}),
    hotkey: Flags.string({
      description: 'name of the hotkey in the wallet, or its address (instead of HOTKEY_NAME)',
      helpValue: '<name|address>',
    }),
    yes: yesFlag,
    'dry-run': dryRunFlag,
  }

  async run(): Promise<Result> {
    const {flags} = await this.parse(MinerSubmit)
    const app = await this.open('miner', {
      ...(flags.coldkey === undefined ? {} : {WALLET_NAME: flags.coldkey}),
      ...(flags.hotkey === undefined ? {} : {HOTKEY_NAME: flags.hotkey}),
    })
    const [{checkOffer, planOnChain, sendSubmission}, {LeomaError}, mechanism] = await Promise.all([
      import('../../services/miner-submit.js'),
      import('../../errors.js'),
      app.mechanism(flags.mechanism),
    ])
    const offer = flags['image-ref'] ?? app.config.miner.imageRef
    if (offer === undefined) {
      throw new LeomaError('usage', 'USAGE', 'no image is named', {hints: ['give --image-ref or set IMAGE_REF']})
    }
    const signer = await app.signer()
    const requests = checkOffer(mechanism, signer.hotkey, offer)
    const submission = {mechanism: mechanism.name, hotkey: signer.hotkey, offer}
    if (!flags['on-chain']) {
      const where = app.config.api.url
      this.#show([`to      ${where}${requests.submit}`, `signer  ${signer.hotkey}`, `image   ${offer}`])
      if (!(await this.#agreed(flags))) return {submission, sent: false}
      const answer = await sendSubmission(await app.calls(), requests, submission, this.signal)
      this.log(`${answer.status} at block ${answer.block}`)
      this.logToStderr(`next: leoma get-rank --mechanism ${mechanism.name} shows where it stands after the next round`)
      return {submission, answer}
    }

    const chain = await app.chain()
    const {netuid} = app.config
    const plan = await planOnChain(chain, netuid, submission, requests.field, this.signal, {plain: flags.plain})
    this.#show([
      `on      ${plan.network}, subnet ${netuid}`,
      `signer  ${signer.hotkey} (uid ${plan.uid})`,
      `text    ${plan.text}`,
      plan.hidden ? 'hidden  until the chain opens it, a block or two later' : 'open    at once',
      ...(plan.replaces ? [`instead of the commitment of block ${plan.replaces.block}: ${plan.replaces.text}`] : []),
    ])
    if (!(await this.#agreed(flags))) return {submission, plan, sent: false}
    const [{sendCommit}, {systemTime}] = await Promise.all([
      import('../../services/miner-commit.js'),
      import('../../runtime/clock.js'),
    ])
    this.logToStderr('sent; waiting for the reveal …')
    const committed = await sendCommit({chain, signer, time: systemTime()}, plan, this.signal)
    this.log(`committed in block ${committed.block}, readable since block ${committed.revealedAtBlock}`)
    this.log(`extrinsic ${committed.extrinsic}`)
    if (committed.url !== null) this.log(`see ${committed.url}`)
    return {submission, committed}
  }

  async #agreed(flags: {readonly yes: boolean; readonly 'dry-run': boolean}): Promise<boolean> {
    if (flags['dry-run']) return false
    if (flags.yes || (await confirm('Sign and send this?', '--yes', this.signal))) return true
    this.logToStderr('nothing was sent')
    return false
  }

  /** Always, with --json too: nobody should be asked to sign what was not shown. */
  #show(lines: readonly string[]): void {
    process.stderr.write(`${printable(lines.join('\n'))}\n`)
  }
}
