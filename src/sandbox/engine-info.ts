import {z} from 'zod'
import {LeomaError} from '../errors.js'
import type {EngineName} from './engine-args.js'
import {type Guarantee, guarantees, type SandboxInfo} from './port.js'

/** What matters of an engine for what its containers can be held to. */
export interface EngineFacts {
  readonly info: SandboxInfo
  /** Folder of its images, to see how full the disk gets; undefined when that is another machine's. */
  readonly imagesFolder: string | undefined
  readonly mapsUsers: boolean
  /** True when `/output` can be memory, read through the container's own root. */
  readonly readsInside: boolean
  readonly selinux: boolean
}

const PodmanInfo = z.object({
  host: z.object({
    cgroupControllers: z.array(z.string()).nullish(),
    security: z.object({rootless: z.boolean(), selinuxEnabled: z.boolean().optional()}),
    serviceIsRemote: z.boolean().optional(),
  }),
  store: z.object({graphRoot: z.string()}),
  version: z.object({Version: z.string()}),
})

const DockerInfo = z.object({
  ServerVersion: z.string(),
  DockerRootDir: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
  MemoryLimit: z.boolean(),
  SwapLimit: z.boolean(),
  PidsLimit: z.boolean(),
  CpuCfsQuota: z.boolean(),
})

/** `json` is what `podman info --format json` or `docker info --format {{json .}}` says; `isRoot` of this process. */
export function engineFacts(engine: EngineName, json: string, isRoot: boolean): EngineFacts {
  try {
    const value: unknown = JSON.parse(json)
    return engine === 'podman' ? ofPodman(PodmanInfo.parse(value)) : ofDocker(DockerInfo.parse(value), isRoot)
  } catch (cause) {
    throw new LeomaError('upstream', 'SANDBOX_FAILED', `${engine} does not say what it can do`, {
      cause,
      hints: [`${engine} info`],
    })
  }
}

function ofPodman({host, store, version}: z.infer<typeof PodmanInfo>): EngineFacts {
  const {rootless, selinuxEnabled = false} = host.security
  const controllers = new Set(host.cgroupControllers ?? [])
  const isHere = host.serviceIsRemote !== true
  const lacks = new Set<Guarantee>()
  for (const [controller, guarantee] of [
    ['memory', 'memory'],
    ['cpu', 'cpu'],
    ['pids', 'pids'],
  ] as const)
    if (!controllers.has(controller)) lacks.add(guarantee)
  if (!isHere) lacks.add('output')
  return {
    info: {isolation: 'podman', version: version.Version, rootless, guarantees: without(lacks)},
    imagesFolder: isHere ? store.graphRoot : undefined,
    // A rootless engine is in a user namespace of its own already.
    mapsUsers: !rootless,
    readsInside: isHere,
    selinux: selinuxEnabled,
  }
}

/** The daemon runs as root, or maps users if it was told so: nothing that a client could ask of it. */
function ofDocker(info: z.infer<typeof DockerInfo>, isRoot: boolean): EngineFacts {
  const options = info.SecurityOptions ?? []
  const rootless = options.some((option) => option.startsWith('name=rootless'))
  const mapped = rootless || options.some((option) => option.startsWith('name=userns'))
  const lacks = new Set<Guarantee>()
  if (!mapped) lacks.add('privileges')
  if (!info.MemoryLimit || !info.SwapLimit) lacks.add('memory')
  if (!info.PidsLimit) lacks.add('pids')
  if (!info.CpuCfsQuota) lacks.add('cpu')
  if (!isRoot) lacks.add('output')
  return {
    info: {isolation: 'docker', version: info.ServerVersion, rootless, guarantees: without(lacks)},
    imagesFolder: info.DockerRootDir,
    mapsUsers: false,
    readsInside: isRoot,
    selinux: false,
  }
}

const without = (lacks: ReadonlySet<Guarantee>) => guarantees.filter((guarantee) => !lacks.has(guarantee))
