import path from 'node:path'
import {Flags} from '@oclif/core'
import type {App} from '../../app.js'
import {BaseCommand} from '../../cli/base-command.js'
import {hotkeyOrName} from '../../cli/flags.js'
import {printable} from '../../cli/printable.js'
import type {Hotkey} from '../../domain/ids.js'
import {exitCodes, LeomaError} from '../../errors.js'
import type {Rehearsal} from '../../services/miner-check-generation.js'
import type {CheckLine} from '../../services/miner-check-report.js'

interface Report {
  readonly ok: boolean
  readonly hotkey: string
  readonly checks: readonly CheckLine[]
}

const marks = {ok: 'ok', fails: 'FAILS', unknown: '?', skipped: '-'} as const

export default class MinerCheck extends BaseCommand {
  static override summary = 'see what validation will find, before anything is paid or committed'
  static override description =
    'Runs every rule and probe of validation, in its order, and goes on after the first that fails. With --generate the ' +
    'chute makes one real video, which the gates and the judge of the exam score: that costs what one request costs. ' +
    'Ends with 8 when something fails or could not be checked.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123…',
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123… --chute-id 8f… --generate --clip clip.mp4 --prompt "a boat turns left"',
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
    'chute-id': Flags.string({description: 'the chute that serves it, once there is one', helpValue: '<id>'}),
    hotkey: Flags.string({
      description: 'its address, or its name in the wallet (instead of HOTKEY_NAME)',
      helpValue: '<address|name>',
    }),
    coldkey: Flags.string({description: 'name of the wallet (instead of WALLET_NAME)', helpValue: '<name>'}),
    generate: Flags.boolean({
      description: 'wake the chute, let it make one video, and score it',
      dependsOn: ['chute-id'],
    }),
    'first-frame': Flags.string({
      description: 'PNG that the video must begin with; taken from the clip when absent',
      helpValue: '<file>',
      dependsOn: ['generate'],
    }),
    clip: Flags.string({
      description: 'the video that the picture was taken from, for judges that compare with it',
      helpValue: '<file>',
      dependsOn: ['generate'],
    }),
    prompt: Flags.string({
      description: 'what is to happen in the video',
      helpValue: '<text>',
      default: 'the scene continues naturally, with steady motion',
    }),
    save: Flags.string({description: 'where to keep the video', helpValue: '<file>', dependsOn: ['generate']}),
    wait: Flags.integer({
      description: 'minutes to wait for the chute to wake up',
      helpValue: '<minutes>',
      default: 15,
      min: 0,
      max: 120,
    }),
  }

  async run(): Promise<Report> {
    const {flags} = await this.parse(MinerCheck)
    const {address, name} = await hotkeyOrName(flags.hotkey)
    const app = await this.open('miner', {
      ...(flags.coldkey === undefined ? {} : {WALLET_NAME: flags.coldkey}),
      ...(name === undefined ? {} : {HOTKEY_NAME: name}),
    })
    const hotkey = address ?? (await this.#ownHotkey(app))
    const [{checkOffer}, models, api] = await Promise.all([
      import('../../services/miner-check-report.js'),
      app.models(),
      app.api(),
    ])
    if (flags.generate && flags['first-frame'] === undefined && flags.clip === undefined) {
      throw new LeomaError('usage', 'USAGE', '--generate needs something to begin with', {
        hints: ['--clip <video>, from which the first frame is taken', '--first-frame <png>, at the size of the task'],
      })
    }
    if (flags.generate) await this.#wake(app, flags['chute-id'] ?? '', flags.wait)
    const offer = {
      hotkey,
      modelName: flags['model-name'],
      modelRevision: flags['model-revision'],
      chuteId: flags['chute-id'],
    }
    const show = (line: CheckLine) => this.#show(line)
    const deps = {chain: () => app.chain(), api, models, netuid: app.config.netuid}
    const {lines, chute} = await checkOffer(offer, deps, show, this.signal)
    const checks = [...lines]
    if (flags.generate) {
      if (chute?.hot) checks.push(...(await this.#rehearse(app, chute, flags, show)))
      else {
        const note = 'the chute is not running, see above'
        checks.push({check: 'generation', status: 'unknown', reason: null, note, hint: null})
        show(checks.at(-1) as CheckLine) // the line just added
      }
    }
    return this.#end({ok: checks.every(({status}) => status === 'ok' || status === 'skipped'), hotkey, checks})
  }

  async #ownHotkey(app: App): Promise<Hotkey> {
    try {
      return (await app.signer()).hotkey
    } catch (error) {
      const failure = LeomaError.from(error)
      throw new LeomaError(failure.kind, failure.code, failure.message, {
        cause: error,
        hints: ['give the address of the hotkey with --hotkey: no wallet is needed then', ...failure.hints],
      })
    }
  }

  async #wake(app: App, chuteId: string, minutes: number): Promise<void> {
    const [models, {systemTime}] = await Promise.all([app.models(), import('../../runtime/clock.js')])
    if (!models.warm) return
    this.logToStderr(`waking the chute, for ${minutes} minutes at most …`)
    await models.warm([chuteId], systemTime().now() + minutes * 60_000, this.signal)
  }

  async #rehearse(
    app: App,
    chute: Rehearsal['chute'],
    flags: Pick<Rehearsal, 'clip' | 'prompt'> & {'first-frame': string | undefined; save: string | undefined},
    show: (line: CheckLine) => void,
  ): Promise<CheckLine[]> {
    const [{rehearse, examParams}, {systemTime}, api] = await Promise.all([
      import('../../services/miner-check-generation.js'),
      import('../../runtime/clock.js'),
      app.api(),
    ])
    const published = await api.exam(this.signal).catch(() => undefined)
    const {params, isPublished} = examParams(published?.exam.params)
    if (!isPublished) this.logToStderr('the exam could not be had: by the one that is built in')
    const workDir = await app.workDir()
    this.logToStderr(`asking the chute for one video, for ${params.request.deadlineMs / 1000} s at most …`)
    const [generator, media, judges] = await Promise.all([app.generator(), app.media(), app.judges()])
    return rehearse(
      {
        chute,
        firstFrame: flags['first-frame'],
        prompt: flags.prompt,
        clip: flags.clip,
        to: path.resolve(flags.save ?? path.join(workDir, 'generated.mp4')),
        workDir,
      },
      {generator, media, judges, params, time: systemTime()},
      show,
      this.signal,
    )
  }

  #show({check, status, reason, note, hint}: CheckLine): void {
    if (this.jsonEnabled()) return
    const why = [reason, note].filter((text) => text !== null).join(': ')
    this.log(printable(`${marks[status].padEnd(6)} ${check}${why === '' ? '' : ` — ${why}`}`))
    if (hint && status !== 'ok') this.log(printable(`       try: ${hint}`))
  }

  #end(report: Report): Report {
    const count = (status: CheckLine['status']) => report.checks.filter((line) => line.status === status).length
    if (report.ok) {
      if (!this.jsonEnabled()) this.log('validation will find nothing wrong with this')
      return report
    }
    if (this.jsonEnabled()) this.logJson(report)
    else this.log(`${count('fails')} fail, ${count('unknown')} could not be checked`)
    return this.exit(exitCodes.checks)
  }
}
