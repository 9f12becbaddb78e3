import {sha256} from '../domain/canonical.js'
import {LeomaError} from '../errors.js'
import {buildChute, imageReference} from './chute-template.js'
import {Chutes, type ChutesOptions} from './chutes.js'
import {AccountRecord, DeployedRecord, ImageRecord, PricingRecord} from './chutes-records.js'
import type {Account, Chute, Deployed, Deployer, Deployment, DeploymentSettings, WarmStatus} from './port.js'
import {type ProviderAnswer, said} from './provider-http.js'

/** The provider looks the code through with a model of its own before it takes it. */
const deployTimeoutMs = 180_000
/** GPUs with 80 GB and more that the provider listed in November 2026; for an estimate where none were chosen. */
const largeGpus: Readonly<Record<string, number>> = {
  a100: 80,
  a100_sxm: 80,
  h100: 80,
  h100_nvl: 94,
  h100_sxm: 80,
  h20: 96,
  h200: 141,
  h800: 80,
  pro_6000: 96,
}

/** Deploys to Chutes over its HTTP API. */
export class ChutesDeployer implements Deployer {
  readonly #chutes: Chutes

  constructor(options: Omit<ChutesOptions, 'withEvidence'>) {
    this.#chutes = new Chutes(options)
  }

  plan(settings: DeploymentSettings): Deployment {
    const {chuteId, filename, code, body} = buildChute(settings)
    const url = this.#chutes.http.url('/chutes/?accept_fee=true')
    return {settings, chuteId, filename, code, request: {method: 'POST', url, body}}
  }

  async account(signal: AbortSignal): Promise<Account> {
    const call = {path: '/users/me'}
    const answer = await this.#chutes.http.ask(call, signal)
    if (answer.status !== 200) throw this.#chutes.refusal(answer, call)
    const {username, user_id: userId, balance, payment_address} = this.#chutes.http.parse(answer, AccountRecord, call)
    return {username, userId, balanceUsd: balance ?? null, paymentAddress: payment_address ?? null}
  }

  async image(reference: string, signal: AbortSignal): Promise<{status: string; isReady: boolean} | undefined> {
    // Becomes part of a path.
    if (!imageReference.test(reference)) return undefined
    const call = {path: `/images/${reference}`}
    const answer = await this.#chutes.http.ask(call, signal)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw this.#chutes.refusal(answer, call)
    const status = this.#chutes.http.parse(answer, ImageRecord, call).status ?? 'unknown'
    return {status, isReady: status === 'built and pushed'}
  }

  async hourlyUsd({gpus, gpuCount, minVramGb}: DeploymentSettings, signal: AbortSignal): Promise<number | undefined> {
    const call = {path: '/pricing'}
    const answer = await this.#chutes.http.ask(call, signal)
    if (answer.status !== 200) return undefined
    const {gpu_price_estimates: prices} = this.#chutes.http.parse(answer, PricingRecord, call)
    const large = Object.keys(largeGpus).filter((gpu) => (largeGpus[gpu] ?? 0) >= minVramGb)
    if (gpus.length === 0 && minVramGb < 80) return undefined
    const hourly = (gpus.length > 0 ? gpus : large).flatMap((gpu) => prices[gpu]?.usd.hour ?? [])
    return hourly.length === 0 ? undefined : gpuCount * Math.min(...hourly)
  }

  current(chuteId: string, signal: AbortSignal): Promise<Chute | undefined> {
    return this.#chutes.current(chuteId, signal)
  }

  async deploy(deployment: Deployment, signal: AbortSignal): Promise<Deployed> {
    const call = {
      method: 'POST',
      path: '/chutes/?accept_fee=true',
      body: deployment.request.body,
      timeoutMs: deployTimeoutMs,
      final: [429],
    } as const
    try {
      const answer = await this.#chutes.http.ask(call, signal)
      if (answer.status === 200) {
        const {chute_id: chuteId, version} = this.#chutes.http.parse(answer, DeployedRecord, call)
        return {chuteId, version: version ?? null, existed: false}
      }
      if (answer.status === 409 && (await this.#runs(deployment, signal))) return existing(deployment)
      throw this.#refusal(answer, deployment)
    } catch (error) {
      signal.throwIfAborted()
      // No answer is not a no: whether it arrived is asked, because asking twice could pay twice.
      if (error instanceof LeomaError && error.retryable) return this.#afterSilence(deployment, error, signal)
      throw error
    }
  }

  async share(chuteId: string, account: string, signal: AbortSignal): Promise<void> {
    const call = {
      method: 'POST',
      path: '/chutes/share',
      body: {chute_id_or_name: chuteId, user_id_or_name: account},
    } as const
    const answer = await this.#chutes.http.ask(call, signal)
    const {status, text} = answer
    if (status === 200) return
    // The miner's own account needs no permission.
    if (status === 400 && /yourself|public/i.test(text)) return
    if (status === 400 || status === 404) {
      throw new LeomaError('upstream', 'SHARE_REFUSED', `${chuteId} is not shared with ${account}: ${said(text)}`, {
        retryable: false,
        hints: ['check CHUTE_SHARE_WITH: user names or ids of accounts at Chutes', 'then leoma miner push again'],
      })
    }
    throw this.#chutes.refusal(answer, call)
  }

  warm(chuteId: string, signal: AbortSignal): Promise<WarmStatus> {
    return this.#chutes.warmOnce(chuteId, signal)
  }

  /** True when exactly this is what the provider has. */
  async #runs({chuteId, code, settings}: Deployment, signal: AbortSignal): Promise<boolean> {
    const chute = await this.#chutes.current(chuteId, signal)
    if (chute?.revision !== settings.modelRevision) return false
    const deployed = await this.#chutes.code(chuteId, signal)
    return deployed !== undefined && sha256(deployed) === sha256(code)
  }

  async #afterSilence(deployment: Deployment, silence: LeomaError, signal: AbortSignal): Promise<Deployed> {
    if (await this.#runs(deployment, signal)) return existing(deployment)
    throw new LeomaError('upstream', 'DEPLOY_UNCERTAIN', `it is not known whether the deployment arrived`, {
      retryable: false,
      cause: silence,
      hints: [
        `look at https://chutes.ai for ${deployment.chuteId} before anything else`,
        'then the same leoma miner push again: what is deployed already is neither changed nor paid again',
      ],
    })
  }

  #refusal(answer: ProviderAnswer, {settings}: Deployment): LeomaError {
    const {status, text} = answer
    const refusal = refusalOf(status, said(text), settings)
    if (!refusal) return this.#chutes.refusal(answer, {method: 'POST', path: '/chutes/'})
    const [code, message, ...hints] = refusal
    return new LeomaError('upstream', code, `${message}: ${said(text)}`, {retryable: false, hints})
  }
}

function existing({chuteId}: Deployment): Deployed {
  return {chuteId, version: null, existed: true}
}

/** The provider's refusals of a deployment, with what helps. */
function refusalOf(
  status: number,
  text: string,
  {image}: DeploymentSettings,
): readonly [code: string, message: string, ...hints: string[]] | undefined {
  if (status === 400 && /image/i.test(text))
    return [
      'IMAGE_UNUSABLE',
      `Chutes cannot use image ${image}`,
      'name one that is built and public with --image; the subnet publishes one',
      'or build your own: leoma miner push --build-image (needs the Chutes program for Python)',
    ]
  if (status === 400 || status === 422)
    return ['DEPLOY_INVALID', 'Chutes does not take the deployment', 'leoma miner push --dry-run shows what is sent']
  if (status === 402)
    return [
      'BALANCE_TOO_LOW',
      'the account cannot pay for the deployment',
      'raise the balance: the first deployment costs three hours of its GPUs, and running costs by the hour',
    ]
  if (status === 403 && /ban|reason/i.test(text))
    return [
      'CODE_REFUSED',
      "Chutes' check of the code refused it",
      'push again: the check is a language model and may decide otherwise; if it does not, ask Chutes',
    ]
  if (status === 403)
    return [
      'DEPLOY_FORBIDDEN',
      'Chutes does not allow this deployment',
      'choose other GPUs with --gpu, or another name for the repository; an admin key is needed to deploy',
    ]
  if (status === 409)
    return [
      'CHUTE_DIFFERS',
      'a chute of this name exists and differs in what cannot be changed',
      'delete it at https://chutes.ai, or use another repository name',
    ]
  if (status === 429)
    return ['DEPLOYS_USED_UP', 'too many deployments of this account', 'Chutes takes 24 a day; wait and push again']
  return undefined
}
