import {LeomaError} from '../errors.js'
import type {
  Account,
  Chute,
  Deployed,
  Deployer,
  Deployment,
  DeploymentSettings,
  DeployProgram,
  Models,
  WarmStatus,
} from '../models/port.js'
import type {Clock} from '../runtime/clock.js'

/** The provider charges this many hours for the first deployment of a name. */
const feeHours = 3
const warmEveryMs = 30_000

export interface PushOptions {
  readonly modelName: string
  readonly modelRevision: string
  /** Given by the person; must be the account of the key when there is a key. */
  readonly username: string | undefined
  readonly resources: Omit<DeploymentSettings, 'username' | 'modelName' | 'modelRevision'>
  readonly shareWith: readonly string[]
}

export interface PushPlan {
  readonly deployment: Deployment
  readonly account: Account | null
  readonly shareWith: readonly string[]
  /** What runs under this id now. */
  readonly replaces: Chute | null
  /** US dollars an hour while an instance runs, and once for a new name; null when not known. */
  readonly hourlyUsd: number | null
  readonly feeUsd: number | null
}

export interface Pushed {
  readonly chuteId: string
  readonly version: string | null
  readonly existed: boolean
  readonly slug: string
  readonly hot: boolean
  readonly sharedWith: readonly string[]
  /** The next command, word by word. */
  readonly commit: readonly string[]
}

export type PushStep =
  | {readonly step: 'deployed'; readonly deployed: Deployed}
  | {readonly step: 'shared'; readonly account: string}
  | {readonly step: 'waiting'; readonly waitedMs: number; readonly instances: number | null}
  | {readonly step: 'not-asked'; readonly why: string}
  | {readonly step: 'program'; readonly line: string}

/** What would be deployed, without asking anybody. */
export function draftPush(deployer: Pick<Deployer, 'plan'>, options: PushOptions): PushPlan {
  const {modelName, modelRevision, username, resources, shareWith} = options
  if (!username) {
    throw new LeomaError('config', 'CHUTE_USER_MISSING', 'whose chute it is decides its id, and nobody said', {
      hints: ['set CHUTES_API_KEY', 'or give the user name at Chutes with --chute-user'],
    })
  }
  checkName(modelName)
  const deployment = deployer.plan({...resources, username, modelName, modelRevision})
  return {deployment, account: null, shareWith, replaces: null, hourlyUsd: null, feeUsd: null}
}

/** Finds everything that would waste the fee before it is paid: the model, the image, the account, its balance. */
export async function planPush(
  {deployer, models}: {readonly deployer: Deployer; readonly models: Pick<Models, 'model'>},
  options: PushOptions,
  {buildsImage}: {readonly buildsImage: boolean},
  signal: AbortSignal,
): Promise<PushPlan> {
  checkName(options.modelName)
  const account = await deployer.account(signal)
  if (options.username !== undefined && options.username !== account.username) {
    throw new LeomaError(
      'config',
      'CHUTE_USER_DIFFERS',
      `the key belongs to ${account.username}, not to ${options.username}`,
      {hints: ['leave out --chute-user and CHUTE_USER, or use the key of that account']},
    )
  }
  const draft = draftPush(deployer, {...options, username: account.username})
  const {settings, chuteId} = draft.deployment
  await checkModel(models, settings, signal)
  if (!buildsImage) await checkImage(deployer, settings.image, signal)
  const [replaces, hourlyUsd] = await Promise.all([
    deployer.current(chuteId, signal),
    deployer.hourlyUsd(settings, signal),
  ])
  const feeUsd = replaces ? 0 : hourlyUsd === undefined ? null : feeHours * hourlyUsd
  if (feeUsd !== null && account.balanceUsd !== null && account.balanceUsd <= feeUsd) {
    throw new LeomaError(
      'upstream',
      'BALANCE_TOO_LOW',
      `the balance of ${account.username} is $${account.balanceUsd.toFixed(2)}; the deployment costs $${feeUsd.toFixed(2)}`,
      {
        retryable: false,
        hints: [
          `send TAO to ${account.paymentAddress ?? 'the payment address of the account'}, or pay at https://chutes.ai`,
        ],
      },
    )
  }
  return {...draft, account, replaces: replaces ?? null, hourlyUsd: hourlyUsd ?? null, feeUsd}
}

export interface PushDeps {
  readonly deployer: Deployer
  /** Deploys instead, when given. */
  readonly program: DeployProgram | undefined
  readonly time: Pick<Clock, 'now' | 'sleep'>
}

/** Deploys, shares, and waits until an instance is up or `waitMs` has passed. Safe to repeat at any point. */
export async function push(
  {deployer, program, time}: PushDeps,
  {deployment, shareWith}: PushPlan,
  {waitMs, onStep}: {readonly waitMs: number; readonly onStep: (step: PushStep) => void},
  signal: AbortSignal,
): Promise<Pushed> {
  const deployed = program
    ? await program.deploy(deployment, (line) => onStep({step: 'program', line}), signal)
    : await deployer.deploy(deployment, signal)
  onStep({step: 'deployed', deployed})
  const {chuteId, version, existed} = deployed
  for (const account of shareWith) {
    await deployer.share(chuteId, account, signal)
    onStep({step: 'shared', account})
  }
  const chute = await waitUntilHot({deployer, time}, chuteId, {waitMs, onStep}, signal)
  if (!chute) {
    throw new LeomaError('upstream', 'CHUTE_NOT_FOUND', `${chuteId} was deployed, but Chutes does not show it`, {
      hints: ['look at https://chutes.ai, then push again: what is deployed is neither changed nor paid again'],
    })
  }
  if (chute.revision !== null && chute.revision !== deployment.settings.modelRevision) {
    throw new LeomaError('upstream', 'DEPLOY_NOT_SEEN', `${chuteId} still serves revision ${chute.revision}`, {
      hints: ['push again; Chutes may still be replacing the old version'],
    })
  }
  const {modelName, modelRevision} = deployment.settings
  return {
    ...{chuteId, version, existed, slug: chute.slug, hot: chute.hot, sharedWith: shareWith},
    commit: commitCommand(modelName, modelRevision, chuteId),
  }
}

/** The next step, ready to be pasted: every value has passed a pattern without anything that a shell reads. */
export function commitCommand(modelName: string, modelRevision: string, chuteId: string): string[] {
  const values = ['--model-name', modelName, '--model-revision', modelRevision, '--chute-id', chuteId]
  return ['leoma', 'miner', 'commit', ...values]
}

async function waitUntilHot(
  {deployer, time}: Pick<PushDeps, 'deployer' | 'time'>,
  chuteId: string,
  {waitMs, onStep}: {readonly waitMs: number; readonly onStep: (step: PushStep) => void},
  signal: AbortSignal,
): Promise<Chute | undefined> {
  const startedAt = time.now()
  for (;;) {
    const chute = await deployer.current(chuteId, signal)
    const waitedMs = time.now() - startedAt
    if (chute?.hot || waitedMs >= waitMs) return chute
    const woken = await wakeUp(deployer, chuteId, onStep, signal)
    if (woken?.status === 'hot') return (await deployer.current(chuteId, signal)) ?? chute
    onStep({step: 'waiting', waitedMs, instances: woken?.instances ?? null})
    await time.sleep(Math.min(warmEveryMs, waitMs - waitedMs), signal)
  }
}

/** One refused call to wake it is worth a line, not the deployment. */
async function wakeUp(
  deployer: Deployer,
  chuteId: string,
  onStep: (step: PushStep) => void,
  signal: AbortSignal,
): Promise<WarmStatus | undefined> {
  try {
    return await deployer.warm(chuteId, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof LeomaError) || !error.retryable) throw error
    onStep({step: 'not-asked', why: error.message})
    return undefined
  }
}

function checkName(modelName: string): void {
  const repository = modelName.slice(modelName.lastIndexOf('/') + 1)
  const hints = ['name the repository <user>/leoma-<anything>-<address of the hotkey>']
  if (!/^leoma/i.test(repository)) {
    throw new LeomaError('usage', 'SUBMISSION_INVALID', 'the name of the repository does not begin with leoma', {hints})
  }
  if (!/5[1-9A-HJ-NP-Za-km-z]{47}$/.test(repository)) {
    throw new LeomaError(
      'usage',
      'SUBMISSION_INVALID',
      'the name of the repository does not end with the address of a hotkey',
      {hints},
    )
  }
}

async function checkModel(
  models: Pick<Models, 'model'>,
  {modelName, modelRevision}: DeploymentSettings,
  signal: AbortSignal,
): Promise<void> {
  const model = await models.model(modelName, modelRevision, signal)
  const problem = !model
    ? 'does not exist at that revision, or is private'
    : !model.isPublic
      ? `is ${model.restriction ?? 'private'}`
      : model.weights.length === 0
        ? 'has no weight file that is an LFS object'
        : undefined
  if (problem === undefined) return
  throw new LeomaError('upstream', 'MODEL_UNUSABLE', `${modelName} ${problem}`, {
    retryable: false,
    hints: [
      `make https://huggingface.co/${modelName} public and ungated, with its weights as .safetensors files`,
      'give the full commit hash that its page shows under "History"',
    ],
  })
}

async function checkImage(deployer: Deployer, reference: string, signal: AbortSignal): Promise<void> {
  const image = await deployer.image(reference, signal)
  if (image?.isReady) return
  const problem = image ? `is not ready: ${image.status}` : 'does not exist, or is not public'
  throw new LeomaError('upstream', 'IMAGE_UNUSABLE', `image ${reference} ${problem}`, {
    retryable: false,
    hints: [
      'name one that is built and public with --image; the subnet publishes one',
      'or build your own: leoma miner push --build-image (needs the Chutes program for Python)',
    ],
  })
}
