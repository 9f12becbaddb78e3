import type {SandboxLimits} from './port.js'

/** Engines with nearly the same command line. */
export type EngineName = 'podman' | 'docker'

export interface RunPlan {
  readonly engine: EngineName
  readonly name: string
  /** Marks whose it is, for cleaning up. */
  readonly label: string
  /** Folder of this machine behind `/input`. */
  readonly input: string
  /** Folder of this machine behind `/output`; undefined for one in memory. */
  readonly output: string | undefined
  readonly limits: SandboxLimits
  readonly env: Readonly<Record<string, string>>
  /** Whether the engine itself must be told to put the program into a user namespace. */
  readonly mapsUsers: boolean
  readonly selinux: boolean
}

/**
 * Users inside are these users outside: a range that neither accounts nor other tools are given (systemd's list of user
 * numbers, "1879048192..2147483647: unused").
 */
const userMap = '0:1879048192:65536'
/** Inside, too, the program is nobody in particular. */
const user = '65532:65532'

/** What every run finds in its environment, whatever its image says. */
const standardEnv = {
  HOME: '/tmp',
  TMPDIR: '/tmp',
  XDG_CACHE_HOME: '/tmp/.cache',
  HF_HOME: '/tmp/.cache/huggingface',
  TORCH_HOME: '/tmp/.cache/torch',
  TALKHEAD_INPUT: '/input',
  TALKHEAD_OUTPUT: '/output',
}

export const labelName = 'io.leoma.sandbox'

/** Arguments of `create`, up to the image. Each is one argument; none is ever read by a shell. */
export function createArgs(plan: RunPlan): string[] {
  const {engine, limits, input, output} = plan
  // Podman would else copy what the image has in that place, and its mode.
  const bare = engine === 'podman' ? ',notmpcopyup' : ''
  const scratch = (bytes: number) => `rw,size=${bytes},mode=1777,nosuid,nodev,noexec${bare}`
  const relabel = plan.selinux && engine === 'podman' ? ',relabel=private' : ''
  return [
    'create',
    ...['--name', plan.name, '--label', `${labelName}=${plan.label}`, '--pull', 'never'],
    ...['--network', 'none', '--hostname', 'sandbox', '--restart', 'no', '--log-driver', 'none'],
    ...['--read-only', '--user', user, '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...(plan.mapsUsers ? ['--uidmap', userMap, '--gidmap', userMap] : []),
    ...(engine === 'podman'
      ? // Else it would add writable folders, the proxy settings of this machine, and disk for every VOLUME of the image.
        [
          '--read-only-tmpfs=false',
          '--http-proxy=false',
          '--image-volume',
          'ignore',
          '--systemd',
          'false',
          '--no-hosts',
        ]
      : []),
    ...['--memory', `${limits.memoryBytes}`, '--memory-swap', `${limits.memoryBytes}`],
    ...['--cpus', `${limits.cpus}`, '--pids-limit', `${limits.pids}`, '--shm-size', `${limits.tmpBytes}`],
    ...['--ulimit', `nofile=${limits.openFiles}:${limits.openFiles}`, '--ulimit', 'core=0:0'],
    ...['--ulimit', `nproc=${limits.pids}:${limits.pids}`],
    ...['--tmpfs', `/tmp:${scratch(limits.tmpBytes)}`, '--tmpfs', `/var/tmp:${scratch(limits.tmpBytes)}`],
    ...['--mount', `type=bind,source=${input},destination=/input,readonly${relabel}`],
    ...(output === undefined
      ? ['--tmpfs', `/output:${scratch(limits.outputBytes)}`]
      : ['--mount', `type=bind,source=${output},destination=/output${relabel}`]),
    ...(limits.gpu ? (engine === 'podman' ? ['--device', 'nvidia.com/gpu=all'] : ['--gpus', 'all']) : []),
    ...Object.entries({...standardEnv, ...plan.env}).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
  ]
}

/**
 * The name that every engine understands in one way: with a registry, without a tag. Docker's own default for names
 * without one is what miners mean.
 */
export function fullName(imageRef: string, digest: string): string {
  const suffix = `@sha256:${digest}`
  if (!imageRef.endsWith(suffix)) throw new Error('the reference does not end with its digest')
  const [first = '', ...rest] = imageRef.slice(0, -suffix.length).split('/')
  const hasRegistry = rest.length > 0 && (first === 'localhost' || /[.:]/.test(first))
  const parts = hasRegistry
    ? [first, ...rest]
    : ['docker.io', ...(rest.length === 0 ? ['library'] : []), first, ...rest]
  const path = parts
    .slice(1)
    .join('/')
    .replace(/:[\w.-]+$/, '')
  const name = `${parts[0]}/${path}`
  // Checked where it is used, too: it becomes an argument, and one that began with a dash would be an option.
  if (!/^[a-zA-Z0-9][a-zA-Z0-9.:-]*\/[a-z0-9][a-z0-9._/-]*$/.test(name))
    throw new Error('the reference has no such form')
  return `${name}${suffix}`
}
