import path from 'node:path'
import type {Config} from '../config/load.js'
import {resolveNetwork} from '../config/networks.js'
import {LeomaError} from '../errors.js'
import type {Ports} from '../mechanisms/types.js'
import {type Clock, SystemClock} from '../runtime/clock.js'
import {keepHeapSmall} from '../runtime/heap.js'
import type {Service} from '../runtime/service.js'
import {buildApi} from './api.js'
import type {OpenedExecutor} from './executor.js'
import {once, openWork} from './open.js'
import {type Parts, type ServiceName, serviceNames} from './parts.js'
import {buildPorts} from './ports.js'
import {buildWeights} from './weights.js'

export async function run(names: readonly ServiceName[], parts: Parts): Promise<void> {
  const {config, health, log, shutdown} = parts
  resolveNetwork(config.network)
  refuseUnsafe(config)
  keepHeapSmall()
  await refuseIdleExecutor(names, config)
  const {walletReady} = await import('../wallet/keypair.js')
  await walletReady()
  const clock = new SystemClock({log, health, blocks: parts.chain})
  const workDir = once(() => openWork(parts))
  const executor = names.includes('executor') ? await openExecutor(parts, await workDir()) : undefined
  const ports = once(async () => ({
    ...(await buildPorts(clock, parts, names, await workDir())),
    ...(executor && {executor: executor.ports}),
  }))
  const services: Service[] = []
  for (const name of serviceNames)
    if (names.includes(name)) services.push(...(await buildServices(name, clock, ports, parts)))
  if (executor) services.push(...(await executor.services()))
  if (names.includes('evaluator') || names.includes('sampler')) services.push((await parts.vision()).service)

  if (!names.includes('api')) services.push(await buildHealthFile(names, parts))

  for (const service of services) await service.start(clock)
  log.info({services: services.map(({name}) => name), network: config.network, netuid: config.netuid}, 'started')
  try {
    await clock.start(shutdown.signal)
  } finally {
    log.info({services: services.map(({name}) => name)}, 'stopped')
  }
}

async function openExecutor(parts: Parts, workDir: string): Promise<OpenedExecutor> {
  const {openExecutorPorts} = await import('./executor.js')
  return openExecutorPorts(parts, workDir)
}

/** It would listen, and never be asked anything. */
async function refuseIdleExecutor(names: readonly ServiceName[], {mechanisms}: Config): Promise<void> {
  if (!names.includes('executor')) return
  const registry = await import('../mechanisms/registry.js')
  if (mechanisms.some(({name}) => registry.mechanism(name).services.executor)) return
  const [first] = registry.mechanisms.filter(({services}) => services.executor)
  throw new LeomaError(
    'config',
    'MECHANISM_WITHOUT_EXECUTOR',
    `nothing of ${mechanisms.map(({name}) => name).join(', ')} is measured by an executor`,
    {hints: [`set MECHANISMS as its validator has it, for example video:0,${first?.name}:1`]},
  )
}

function refuseUnsafe({unsafe}: Config): void {
  if (unsafe.length === 0) return
  const lines = unsafe.map((fault) => `  ${fault}`)
  throw new LeomaError('config', 'CONFIG_UNSAFE', ['this must not run in production', ...lines].join('\n'), {
    hints: ['give each of them a value of your own', 'or leave LEOMA_ENV empty where nothing is at stake'],
  })
}

async function buildServices(
  name: ServiceName,
  clock: Clock,
  ports: () => Promise<Ports>,
  parts: Parts,
): Promise<Service[]> {
  if (name === 'api') return [await buildApi(parts)]
  const {mechanism} = await import('../mechanisms/registry.js')
  const services: Service[] = []
  for (const {name: mechanismName, mecid} of parts.config.mechanisms) {
    if (name === 'validator') services.push(...(await buildWeights(mechanism(mechanismName), mecid, clock, parts)))
    else {
      const factory = mechanism(mechanismName).services[name]
      if (factory) services.push(factory(await ports()))
    }
  }
  return services
}

/** A process without a server tells its health in a file; each hotkey has its own. */
async function buildHealthFile(names: readonly ServiceName[], {config, health}: Parts): Promise<Service> {
  const {healthFileService} = await import('../services/health-file.js')
  const file = `${names.join('-')}-${config.wallet.hotkey}.prom`
  return healthFileService({health, file: path.join(config.dataDir, 'health', file)})
}
