import path from 'node:path'
import type {SignedHttp} from '../../api/port.js'
import {RefusedError} from '../../api/signed-http.js'
import {mechanism} from '../../mechanisms/registry.js'
import type {Profile} from '../../mechanisms/types.js'
import type {Clock} from '../../runtime/clock.js'
import {retry} from '../../runtime/retry.js'
import type {Signer} from '../../wallet/port.js'
import {checkOffer, sendSubmission} from '../miner-submit.js'
import type {PartSpec} from './parts.js'
import type {Provisioned} from './provision.js'
import {walletNames} from './wallets.js'

export const headsMechanism = 'talking-head'

/** Everyone who offers images, in the order in which they submit. */
export const headCast: readonly Profile[] = mechanism(headsMechanism).cast

/** What the images run in here, and where each profile's is. */
export interface PreparedHeads {
  /** By profile: `repository@sha256:…`. */
  readonly images: ReadonlyMap<string, string>
  /** Value of `SANDBOX`. */
  readonly isolation: string
  /** Sandboxes that do not work on this machine, with the reason of each. */
  readonly passedOver: readonly string[]
  /** The exam's parameters. */
  readonly params: unknown
}

export type PrepareHeads = (
  options: {
    readonly dataDir: string
    readonly profiles: readonly string[]
    readonly env: Readonly<Record<string, string>>
  },
  signal: AbortSignal,
) => Promise<PreparedHeads>

/** What of the stage is the images'. */
export interface HeadsStage extends PreparedHeads {
  /** Of the executors, by validator. */
  readonly ports: readonly number[]
}

export const headsExamFile = (dataDir: string) => path.join(dataDir, `exam-${headsMechanism}.json`)

/** One executor for each validator, beside it as it would be on a machine of its own. */
export function executorSpecs(
  {ports, isolation}: HeadsStage,
  validators: Provisioned['validators'],
  shared: Readonly<Record<string, string>>,
): PartSpec[] {
  return validators.map((_, index): PartSpec => {
    const {wallet, hotkey} = walletNames.validator(index)
    return {
      name: `executor-${index}`,
      services: ['executor'],
      env: {
        ...shared,
        WALLET_NAME: wallet,
        HOTKEY_NAME: hotkey,
        EXECUTOR_PORT: String(ports[index]),
        EXECUTOR_POLL_INTERVAL: '0.5',
        SANDBOX: isolation,
      },
    }
  })
}

export const executorUrl = ({ports}: HeadsStage, index: number) => `http://127.0.0.1:${ports[index]}`

export interface Offered {
  readonly profile: string
  /** What the API answered; the reason when it refused. */
  readonly answer: string
}

/**
 * Submits each image as its miner would, one after the other. What the API refuses (a copy, or a submission of an earlier
 * run that is still in its window) is an answer like any other.
 */
export async function offerImages(
  heads: Provisioned['heads'],
  {images}: Pick<PreparedHeads, 'images'>,
  {open, time}: {readonly open: (signer: Signer) => SignedHttp; readonly time: Pick<Clock, 'now' | 'sleep'>},
  signal: AbortSignal,
): Promise<Offered[]> {
  const run = mechanism(headsMechanism)
  const offered: Offered[] = []
  for (const {profile, hotkey, signer} of heads) {
    const offer = images.get(profile)
    if (offer === undefined) continue
    const requests = checkOffer(run, hotkey, offer)
    const submission = {mechanism: run.name, hotkey, offer}
    const send = () => sendSubmission(open(signer), requests, submission, signal)
    try {
      // The API knows who is on the subnet once it has looked at the chain.
      const {status} = await retry(send, {time, signal, attempts: 100, firstPauseMs: 200, maxPauseMs: 500})
      offered.push({profile, answer: status})
    } catch (error) {
      signal.throwIfAborted()
      const refused = error instanceof Error && (error.cause instanceof RefusedError ? error.cause : error)
      if (!(refused instanceof RefusedError) || (refused.status !== 409 && refused.status !== 429)) throw error
      offered.push({profile, answer: refused.message})
    }
  }
  return offered
}
