import path from 'node:path'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {Shutdown} from '../runtime/shutdown.js'
import type {PreparedHeads} from '../services/localnet/heads.js'

export interface HeadsOptions {
  readonly dataDir: string
  readonly profiles: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Of this name and no other; the strongest that works, or a plain process, when absent. */
  readonly sandbox: string | undefined
}

/**
 * Images of the cast for whatever sandbox this machine has: the strongest that works, and a plain process, labelled as
 * such, where there is none. Nothing is at stake on a localnet; on a subnet nothing runs without a sandbox.
 */
export async function prepareHeads(
  {dataDir, profiles, env, sandbox: wanted}: HeadsOptions,
  {log, time}: {readonly log: Logger; readonly time: Pick<Clock, 'now' | 'sleep'>},
  signal: AbortSignal,
): Promise<PreparedHeads> {
  const [{openConfiguredSandbox}, {loadConfig}, {openWorkDir}, {localTalkingHeads, makeChallenges, makeTalkingHeads}] =
    await Promise.all([
      import('./executor.js'),
      import('../config/load.js'),
      import('../runtime/work-dir.js'),
      import('../services/localnet/talking-heads/prepare.js'),
    ])
  const shutdown = new Shutdown()
  const stop = () => shutdown.stop(signal.reason)
  signal.addEventListener('abort', stop, {once: true})
  try {
    const workDir = await openWorkDir(path.join(dataDir, 'work'), shutdown)
    const open = (sandbox: string) => {
      const config = loadConfig(['executor'], {...env, NETWORK: 'localnet', LEOMA_DATA: dataDir, SANDBOX: sandbox})
      return openConfiguredSandbox({config, log, time}, path.join(workDir, 'sandbox'), signal)
    }
    const opened = await open(wanted ?? 'auto').catch((error: unknown) => {
      if (wanted !== undefined || !(error instanceof LeomaError) || error.code !== 'ENGINE_MISSING') throw error
      log.info({reason: error.message}, 'images run in plain processes')
      return open('process')
    })
    await makeChallenges(path.join(dataDir, 'challenges'))
    const images = await makeTalkingHeads(profiles, opened.images, signal)
    const {sandbox, passedOver} = opened
    return {images, isolation: sandbox.info.isolation, passedOver, params: localTalkingHeads}
  } finally {
    signal.removeEventListener('abort', stop)
    await shutdown.close()
  }
}
