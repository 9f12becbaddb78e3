import type {SandboxLimits} from './port.js'

/** Where it lies inside. */
export const nodeInBwrap = '/node'

export interface BwrapPlan {
  readonly image: string
  readonly input: string
  readonly command: readonly string[]
  readonly limits: SandboxLimits
  readonly env: Readonly<Record<string, string>>
  /** The Node.js of this machine. */
  readonly node: string
  /** Folders of this machine's programs and libraries that are seen inside, read-only. */
  readonly system: readonly string[]
}

/**
 * Arguments of bubblewrap: namespaces of its own for everything, only the system's programs, the image and the input to
 * see, all read-only, and two folders in memory to write. `prlimit` inside keeps what can be kept without a control group.
 */
export function bwrapArgs({image, input, node, command, limits, env, system}: BwrapPlan): string[] {
  return [
    ...['--unshare-all', '--unshare-user', '--die-with-parent', '--new-session', '--as-pid-1', '--cap-drop', 'ALL'],
    ...['--uid', '65532', '--gid', '65532', '--hostname', 'sandbox', '--clearenv'],
    ...system.flatMap((folder) => ['--ro-bind', folder, folder]),
    ...['--proc', '/proc', '--dev', '/dev', '--ro-bind', image, '/image', '--ro-bind', input, '/input'],
    ...['--size', `${limits.tmpBytes}`, '--perms', '1777', '--tmpfs', '/tmp'],
    ...['--size', `${limits.outputBytes}`, '--perms', '1777', '--tmpfs', '/output'],
    ...['--ro-bind', node, nodeInBwrap, '--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/image'],
    ...Object.entries({
      ...{PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LC_ALL: 'C.UTF-8'},
      ...{TALKHEAD_INPUT: '/input', TALKHEAD_OUTPUT: '/output', ...env},
    }).flatMap(([name, value]) => ['--setenv', name, value]),
    '--',
    ...['prlimit', `--nproc=${limits.pids}:${limits.pids}`, `--nofile=${limits.openFiles}:${limits.openFiles}`],
    ...['--core=0:0', `--fsize=${limits.outputBytes}:${limits.outputBytes}`, '--', ...command],
  ]
}
