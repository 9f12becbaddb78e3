import {Flags} from '@oclif/core'
import type {App} from '../../app.js'
import {BaseCommand} from '../../cli/base-command.js'
import {confirm} from '../../cli/confirm.js'
import {dryRunFlag, yesFlag} from '../../cli/flags.js'
import {printable} from '../../cli/printable.js'
import {promptSecret} from '../../cli/prompt-secret.js'
import {LeomaError} from '../../errors.js'
import type {Pushed, PushOptions, PushPlan, PushStep} from '../../services/miner-push.js'

const defaultImage = 'leoma/video-gen:1.0'

export default class MinerPush extends BaseCommand {
  static override summary = 'deploy a model at Chutes, share it with the subnet, and wait until it runs'
  static override description =
    'Goes over HTTP with CHUTES_API_KEY (asked for when it is not set); no Python is needed. Checks the model, the image, ' +
    'the account and its balance first, shows the fee, and asks. Safe to repeat: what is deployed already is neither ' +
    'changed nor paid again. Ends with the command that commits it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123… --chute-user alice --dry-run',
    '<%= config.bin %> <%= command.id %> --model-name alice/leoma-5F… --model-revision 0123… --yes',
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
    'chute-user': Flags.string({description: 'user name at Chutes (instead of CHUTE_USER)', helpValue: '<name>'}),
    'chutes-api-key': Flags.string({
      description: 'refused: others could read it in the list of processes; set CHUTES_API_KEY',
      helpValue: '<key>',
    }),
    image: Flags.string({
      description: 'image to run on; else the one that the exam names',
      helpValue: '<user/name:tag>',
    }),
    gpu: Flags.string({description: 'GPU model to run on; may be given several times', multiple: true}),
    'gpu-count': Flags.integer({description: 'GPUs per instance', default: 1, min: 1, max: 8}),
    'min-vram': Flags.integer({description: 'memory of each GPU in GB', default: 80, min: 16, max: 140}),
    concurrency: Flags.integer({description: 'requests that one instance takes at once', default: 4, min: 1, max: 256}),
    'max-instances': Flags.integer({description: 'instances at most', default: 1, min: 1, max: 100}),
    'shutdown-after': Flags.integer({
      description: 'seconds without a request after which an instance ends; you pay for them',
      default: 3600,
      min: 60,
      max: 604_800,
    }),
    'share-with': Flags.string({
      description: 'account at Chutes to share it with; may be given several times (instead of CHUTE_SHARE_WITH)',
      multiple: true,
    }),
    via: Flags.string({
      description: 'how to deploy; cli runs the Chutes program for Python',
      options: ['http', 'cli'],
      default: 'http',
    }),
    'build-image': Flags.boolean({
      description: 'build --image first, with the Chutes program for Python: there is no other way',
      dependsOn: ['image'],
    }),
    wait: Flags.integer({
      description: 'minutes to wait until an instance runs; 0 for not at all',
      default: 30,
      min: 0,
      max: 240,
    }),
    yes: yesFlag,
    'dry-run': dryRunFlag,
  }

  async run(): Promise<Pushed | {plan: PushPlan; sent: false}> {
    const {flags} = await this.parse(MinerPush)
    if (flags['chutes-api-key'] !== undefined) throw keyInArguments()
    const app = await this.open('miner', {
      ...(flags['chute-user'] === undefined ? {} : {CHUTE_USER: flags['chute-user']}),
    })
    const service = await import('../../services/miner-push.js')
    const {apiKey, user} = app.config.chutes
    const policy = await this.#policy(app)
    const options: PushOptions = {
      modelName: flags['model-name'],
      modelRevision: flags['model-revision'],
      username: user,
      shareWith: flags['share-with'] ?? app.config.chutes.shareWith ?? policy?.shareWith ?? [],
      resources: {
        image: flags.image ?? policy?.images[0] ?? defaultImage,
        gpuCount: flags['gpu-count'],
        minVramGb: flags['min-vram'],
        gpus: flags.gpu ?? [],
        concurrency: flags.concurrency,
        maxInstances: flags['max-instances'],
        shutdownAfterS: flags['shutdown-after'],
      },
    }
    if (flags['dry-run'] && apiKey === undefined) {
      const plan = service.draftPush(await app.deployer(), options)
      this.#show(plan)
      return this.#dry(plan)
    }

    const key = apiKey ?? (await promptSecret('key for Chutes (it is not shown)', 'CHUTES_API_KEY', this.signal))
    const [deployer, models] = await Promise.all([app.deployer(key), app.models()])
    const buildsImage = flags['build-image']
    const plan = await service.planPush({deployer, models}, options, {buildsImage}, this.signal)
    this.#show(plan)
    if (flags['dry-run']) return this.#dry(plan)
    if (!flags.yes && !(await confirm('Deploy this?', '--yes', this.signal))) {
      this.logToStderr('nothing was deployed')
      return {plan, sent: false}
    }

    const onStep = (step: PushStep) => this.#step(step)
    if (buildsImage) {
      const program = await app.deployProgram()
      await program.build(options.resources.image, (line) => onStep({step: 'program', line}), this.signal)
    }
    const {systemTime} = await import('../../runtime/clock.js')
    const program = flags.via === 'cli' ? await app.deployProgram() : undefined
    const waitMs = flags.wait * 60_000
    const pushed = await service.push({deployer, program, time: systemTime()}, plan, {waitMs, onStep}, this.signal)
    if (!pushed.hot) {
      this.logToStderr(`no instance runs yet: it goes on starting by itself; leoma miner check tells when it runs`)
    }
    this.logToStderr('next, once leoma miner check finds nothing wrong:')
    this.log(pushed.commit.join(' '))
    return pushed
  }

  /** What the subnet asks of deployments; nothing when its API cannot be reached, for that must not stop anybody. */
  async #policy(app: App) {
    const {deploymentPolicy} = await import('../../domain/deployment.js')
    try {
      const exam = await (await app.api()).exam(this.signal)
      return deploymentPolicy(exam?.exam.params)
    } catch (error) {
      if (this.signal.aborted) throw error
      this.logToStderr(`what the subnet asks of deployments is not known: ${LeomaError.from(error).message}`)
      return undefined
    }
  }

  /** Always, with --json too: nobody should be asked to pay for what was not shown. */
  #show({deployment, account, shareWith, replaces, hourlyUsd, feeUsd}: PushPlan): void {
    const {settings, chuteId} = deployment
    const {modelName, modelRevision, username, image, gpuCount, minVramGb, gpus} = settings
    const usd = (amount: number | null) => (amount === null ? 'not known' : `$${amount.toFixed(2)}`)
    const lines = [
      `model    ${modelName} at ${modelRevision}`,
      `chute    ${chuteId}, of ${username}`,
      `image    ${image}`,
      `runs on  ${gpuCount} × ${gpus.length > 0 ? gpus.join(' or ') : 'any GPU'} with at least ${minVramGb} GB`,
      `         ends after ${settings.shutdownAfterS} s without a request`,
      `shared   ${shareWith.length > 0 ? `with ${shareWith.join(', ')}` : 'with nobody: set CHUTE_SHARE_WITH unless the subnet has a role of its own at Chutes'}`,
      ...(account
        ? [
            `fee      ${feeUsd === 0 ? 'none: the chute exists' : `about ${usd(feeUsd)}, once`}; about ${usd(hourlyUsd)} an hour while it runs`,
            `balance  ${usd(account.balanceUsd)}`,
          ]
        : []),
      ...(replaces ? [`instead of what runs there now, revision ${replaces.revision ?? 'unknown'}`] : []),
    ]
    process.stderr.write(`${printable(lines.join('\n'))}\n`)
  }

  /** The source and the requests, on stdout: they are the answer. */
  #dry(plan: PushPlan): {plan: PushPlan; sent: false} {
    const {filename, code, request, chuteId} = plan.deployment
    const {code: _, ...body} = request.body
    this.log(`# ${filename}\n${code}`)
    this.log(`${request.method} ${request.url}\n${JSON.stringify({...body, code: `<${filename}>`}, null, 2)}`)
    for (const account of plan.shareWith) {
      const share = {chute_id_or_name: chuteId, user_id_or_name: account}
      this.log(`POST ${new URL('/chutes/share', request.url).href}\n${JSON.stringify(share)}`)
    }
    return {plan, sent: false}
  }

  #step(step: PushStep): void {
    this.logToStderr(printable(stepText(step)))
  }
}

function stepText(step: PushStep): string {
  switch (step.step) {
    case 'deployed':
      return step.deployed.existed ? 'exactly this is deployed already' : 'deployed'
    case 'shared':
      return `shared with ${step.account}`
    case 'waiting': {
      const starting = step.instances === null ? '' : ` (${step.instances} starting)`
      return `waiting for an instance, ${Math.round(step.waitedMs / 1000)} s so far${starting} …`
    }
    case 'not-asked':
      return `could not be woken yet: ${step.why}`
    case 'program':
      return `  ${step.line}`
  }
}

/** The value is not repeated: it has been seen by enough already. */
function keyInArguments(): LeomaError {
  return new LeomaError('usage', 'SECRET_IN_ARGUMENTS', 'a key on the command line can be read by every user here', {
    hints: [
      'set CHUTES_API_KEY in the environment or in .env, or leave it out and be asked',
      'consider this one known: make another at https://chutes.ai',
    ],
  })
}
