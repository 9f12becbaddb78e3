import path from 'node:path'
import type {ExecutorPorts, ServedRoute} from '../mechanisms/types.js'
import type {Service} from '../runtime/service.js'
import type {OpenedSandbox} from '../sandbox/open.js'
import type {Ours} from './open.js'
import type {Parts} from './parts.js'

/** Of the environment, what an engine's program needs to find its service, its helpers and its registries' passwords. */
const engineVariables = [
  'PATH',
  'HOME',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'XDG_CONFIG_HOME',
  'XDG_DATA_HOME',
  'DBUS_SESSION_BUS_ADDRESS',
  'DOCKER_HOST',
  'DOCKER_CONFIG',
  'CONTAINER_HOST',
  'CONTAINERS_CONF',
  'CONTAINERS_STORAGE_CONF',
  'REGISTRY_AUTH_FILE',
] as const

/** The sandbox that is configured, and what makes images for it. */
export async function openConfiguredSandbox(
  {config, log, time}: Pick<Ours, 'config' | 'log' | 'time'>,
  workDir: string,
  signal: AbortSignal,
): Promise<OpenedSandbox> {
  const [{openSandbox}, {environment}, {sha256}] = await Promise.all([
    import('../sandbox/open.js'),
    import('../config/environment.js'),
    import('../domain/canonical.js'),
  ])
  const all = environment()
  const env = Object.fromEntries(
    engineVariables.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])),
  )
  return openSandbox(
    {
      ...{choice: config.executor.sandbox, env, time, log: log.child({part: 'sandbox'}), workDir},
      imagesDir: path.join(config.dataDir, 'images'),
      owner: sha256(`${config.dataDir} ${config.wallet.hotkey}`).slice(0, 16),
    },
    signal,
  )
}

export interface OpenedExecutor {
  readonly ports: ExecutorPorts
  /** Asked once the mechanisms have said what they serve. */
  readonly services: () => Promise<Service[]>
}

/** What only the process of an executor has, and the server that its routes are put into. */
export async function openExecutorPorts(parts: Parts, workDir: string): Promise<OpenedExecutor> {
  const {config, log, shutdown, time, health} = parts
  const [
    {FolderObjects},
    {MeasuredQuality},
    {httpMetricServices},
    {StoreExecutorBook},
    {StoreRecords},
    {currentOwnExam, publishOwnExam},
    {executorHttpService},
    {verify},
  ] = await Promise.all([
    import('../objects/folder.js'),
    import('../quality/measured.js'),
    import('../quality/services.js'),
    import('../store/executor-book.js'),
    import('../store/records.js'),
    import('../store/own-exams.js'),
    import('../http/executor.js'),
    import('../wallet/keypair.js'),
  ])
  const {executor} = config
  const {sandbox, passedOver} = await openConfiguredSandbox(parts, path.join(workDir, 'sandbox'), shutdown.signal)
  if (passedOver.length > 0) log.warn({passedOver}, 'sandboxes that do not work here')
  log.info({...sandbox.info}, 'images run in')
  const store = await parts.store()
  const routes: ServedRoute[] = []
  const ports: ExecutorPorts = {
    sandbox,
    quality: new MeasuredQuality({
      media: await parts.media(),
      services: httpMetricServices({...executor.metrics, time, attempts: 3}),
    }),
    challenges: new FolderObjects({
      root: path.dirname(executor.challengesDir),
      bucket: path.basename(executor.challengesDir),
    }),
    book: new StoreExecutorBook(store, new StoreRecords(store, time)),
    examMemory: {
      current: () => currentOwnExam(store, 'talking-head'),
      keep: (signed) => publishOwnExam(store, signed, time.now()),
    },
    dataDir: path.join(config.dataDir, `executor-${config.wallet.hotkey}`),
    workDir: path.join(workDir, 'executor'),
    pollMs: executor.pollMs,
    serve: (served) => void routes.push(...served),
  }
  const {host, port, skewS} = executor
  const services = async () => {
    const {hotkey} = await parts.signer()
    return [executorHttpService({routes, host, port, shutdown, store, verify, time, hotkey, skewS, health, log})]
  }
  return {ports, services}
}
