import {availableParallelism} from 'node:os'
import {createApp} from '../app.js'
import {LeomaError} from '../errors.js'
import {systemTime} from '../runtime/clock.js'
import {keepHeapSmall, preferMemoryToSpeed} from '../runtime/heap.js'
import type {Logger} from '../runtime/logger.js'
import {Shutdown} from '../runtime/shutdown.js'
import type {LocalnetEvent} from '../services/localnet/events.js'
import type {Localnet} from '../services/localnet/localnet.js'
import type {LocalnetDeps, LocalnetOptions} from '../services/localnet/parts.js'

export interface LocalnetHost {
  /**
   * Only what says where programs are and which sandbox holds them is read from it, and what belongs to the providers that the options name: without
   * such options a localnet is the same in every environment.
   */
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  readonly onEvent: (event: LocalnetEvent) => void
}

/** A whole subnet in this process: an app of its own for each of its people, sharing nothing but files and HTTP. */
export async function openLocalnet(
  options: LocalnetOptions,
  host: LocalnetHost,
  signal: AbortSignal,
): Promise<Localnet> {
  const {env, log, onEvent} = host
  keepHeapSmall()
  // It computes little itself, ffmpeg does; and it is to fit beside whatever else runs on a person's machine.
  preferMemoryToSpeed()
  const [
    {Localnet},
    {loadConfig},
    {verify, walletReady},
    {HttpOwnerApi},
    {HttpSigned},
    {FfmpegMedia},
    {createRunner},
    {resolveFfmpeg},
  ] = await Promise.all([
    import('../services/localnet/localnet.js'),
    import('../config/load.js'),
    import('../wallet/keypair.js'),
    import('../api/client.js'),
    import('../api/signed-http.js'),
    import('../media/ffmpeg.js'),
    import('../media/run.js'),
    import('../media/resolve.js'),
  ])
  await walletReady()
  const time = systemTime()
  const passed = env.FFMPEG_PATH === undefined ? {} : {FFMPEG_PATH: env.FFMPEG_PATH}
  const ffmpeg = await resolveFfmpeg({ffmpegPath: env.FFMPEG_PATH, searchPath: env.PATH}, signal)
  if (ffmpeg.missingFilters.length > 0) {
    const missing = ffmpeg.missingFilters.join(', ')
    throw new LeomaError(
      'config',
      'FFMPEG_INCOMPLETE',
      `${ffmpeg.path} lacks filters that localnet needs: ${missing}`,
      {
        hints: ['apt install ffmpeg (Debian, Ubuntu) or brew install ffmpeg (macOS)', 'or FFMPEG_PATH=/path/to/ffmpeg'],
      },
    )
  }
  const runner = createRunner({ffmpeg: ffmpeg.path})
  const {netuid} = loadConfig('all', passed)
  const {fundingSecret} = loadConfig('reader', options.chain === undefined ? passed : env)
  const startPart: LocalnetDeps['startPart'] = (spec, report) => {
    const shutdown = new Shutdown()
    const config = loadConfig(spec.services, {...passed, ...spec.env})
    const partLog = log.child({part: spec.name})
    const app = createApp({config, log: partLog, shutdown, report, ...(spec.wrap && {wrap: spec.wrap})})
    const ended = app
      .run(spec.services)
      .catch((error: unknown) => {
        if (!shutdown.signal.aborted) throw error
        partLog.debug({err: error}, 'ended while it was starting')
      })
      .finally(() => shutdown.close())
    return {
      health: () => app.health.report(),
      ended,
      stop: () => {
        shutdown.stop()
        return ended
      },
    }
  }
  const needed = new Shutdown()
  try {
    const {openProviders} = await import('./localnet-providers.js')
    const outside = await openProviders(options, {env, passed, log, time}, needed, signal)
    return await Localnet.start(
      options,
      {
        startPart,
        openCalls: (url, signer) =>
          new HttpSigned({url, signer, time, timeoutMs: 10_000, what: "the owner's API", variable: '--port'}),
        prepareHeads: async (heads, inner) => {
          const {prepareHeads} = await import('./localnet-heads.js')
          return prepareHeads({...heads, env: {...passed, ...heads.env}, sandbox: env.SANDBOX}, {log, time}, inner)
        },
        openApi: (url, netuid) => new HttpOwnerApi({url, netuid, time, timeoutMs: 10_000, attempts: 1, log}),
        media: new FfmpegMedia({run: runner}),
        ffmpeg: runner,
        ...{time, verify, log, onEvent},
        netuid,
        fundingSecret,
        concurrency: availableParallelism(),
        ...outside,
      },
      signal,
    )
  } finally {
    // The parts open what they need themselves; this was for setting the stage.
    await needed.close()
  }
}
