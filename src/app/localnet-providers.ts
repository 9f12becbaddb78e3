import {createApp} from '../app.js'
import {type Config, loadConfig} from '../config/load.js'
import type {BucketRole} from '../config/object-stores.js'
import {LeomaError} from '../errors.js'
import type {Objects} from '../objects/port.js'
import type {Clock} from '../runtime/clock.js'
import type {Logger} from '../runtime/logger.js'
import {Shutdown} from '../runtime/shutdown.js'
import {localnetParams} from '../services/localnet/exam.js'
import type {LocalnetDeps} from '../services/localnet/parts.js'
import {type ProviderEnv, type ProviderOptions, providerEnv} from '../services/localnet/providers.js'

export interface ProviderDeps {
  readonly env: NodeJS.ProcessEnv
  /** What every part gets in any case. */
  readonly passed: Readonly<Record<string, string>>
  readonly log: Logger
  readonly time: Pick<Clock, 'now' | 'sleep'>
}

type Providers = Pick<LocalnetDeps, 'judge' | 'providers' | 'source'>

/** Written with one pair of keys and read with the other before anybody waits for a round. */
const trialKey = 'localnet/trial.json'

/**
 * What the options put in the place of the local parts. Whatever is wrong with keys, addresses, buckets or the judge is
 * found here, before anything is made. What is opened ends with `shutdown`.
 */
export async function openProviders(
  options: ProviderOptions,
  deps: ProviderDeps,
  shutdown: Shutdown,
  signal: AbortSignal,
): Promise<Providers> {
  const providers = providerEnv(options, deps.env)
  const config = (role: keyof ProviderEnv) =>
    loadConfig([role], {...deps.passed, NETWORK: 'localnet', ...providers[role]})
  config('api')
  const [sampler, evaluator] = [config('sampler'), config('evaluator')]
  const judge = await chooseOwnJudge(options, evaluator, deps.log)
  const source = options.objects === undefined ? undefined : await openStore(sampler, evaluator, deps, shutdown, signal)
  return {providers, ...(judge && {judge}), ...(source && {source})}
}

async function chooseOwnJudge(
  {judge, judgeModel: model}: ProviderOptions,
  config: Config,
  log: Logger,
): Promise<Providers['judge']> {
  if (judge === undefined && model === undefined) return undefined
  const {chooseJudge} = await import('../services/judge-file.js')
  const shutdown = new Shutdown()
  try {
    const judges = await createApp({config, log, shutdown}).judges()
    return chooseJudge(localnetParams(1000), {judge, model}, judges).params.judge
  } finally {
    await shutdown.close()
  }
}

async function openStore(
  sampler: Config,
  evaluator: Config,
  {log, time}: ProviderDeps,
  shutdown: Shutdown,
  signal: AbortSignal,
): Promise<Objects> {
  const {openBucket} = await import('../objects/open.js')
  const open = async (role: BucketRole, needs: readonly ('read' | 'write')[], {objects: {store, ...rest}}: Config) => {
    const {endpoint, region} = store
    const {objects, close} = await openBucket({
      ...{backend: rest.backend, endpoint, region, needs, time, log: log.child({part: 'objects'}), ...store[role]},
      folder: role === 'source' ? rest.sourceDir : rest.samplesDir,
      publicUrl: role === 'samples' ? rest.samplesPublicUrl : undefined,
    })
    shutdown.add(`bucket ${objects.bucket}`, close)
    return objects
  }
  const source = await open('source', ['read', 'write'], sampler)
  const writer = await open('samples', ['read', 'write'], sampler)
  const reader = await open('samples', ['read'], evaluator)
  const said = Buffer.from(JSON.stringify({writtenAt: new Date(time.now()).toISOString()}))
  await writer.putBytes(trialKey, said, 'application/json', signal)
  if (said.equals(await reader.getBytes(trialKey, 10_000, signal))) return source
  throw new LeomaError('config', 'OBJECTS_NOT_THE_SAME', `bucket ${reader.bucket} is read where nobody writes it`, {
    hints: ['check SAMPLES_PUBLIC_URL: it must be the address of that very bucket'],
  })
}
