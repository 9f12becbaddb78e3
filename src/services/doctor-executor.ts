import {type Finding, fail, ok, warn} from '../domain/finding.js'
import type {Guarantee, SandboxInfo} from '../sandbox/port.js'
import {guarantees} from '../sandbox/port.js'
import type {Check} from './doctor.js'

export interface TriedSandbox {
  readonly info: SandboxInfo
  /** Those that were tried before it, and why they are not it. */
  readonly passedOver: readonly string[]
  readonly trial: {readonly kept: readonly Guarantee[]; readonly broken: readonly Guarantee[]}
}

/** Building an image of this Node.js and running it twice. */
const trialMs = 180_000

/** Which sandbox there is, what it promises, and whether that is so. */
export function sandboxCheck(tryOut: (signal: AbortSignal) => Promise<TriedSandbox>): Check {
  return {
    name: 'sandbox',
    deadlineMs: trialMs,
    run: async (signal) => {
      const {info, passedOver, trial} = await tryOut(signal)
      const found = `${info.isolation} ${info.version}${info.rootless ? ', rootless' : ''}`
      const missing = guarantees.filter((guarantee) => !info.guarantees.includes(guarantee))
      const findings: Finding[] = passedOver.map((why) => warn(why))
      if (trial.broken.length > 0)
        findings.push(
          fail(
            `${found} does not keep what it promises: ${trial.broken.join(', ')}`,
            'do not run strangers’ images here',
          ),
        )
      else if (info.isolation === 'process')
        findings.push(fail(`${found} holds nobody: an image can do here whatever you can`, 'apt-get install podman'))
      else if (missing.length > 0)
        findings.push(
          warn(
            `${found} does not limit ${missing.join(', ')}`,
            'rootless engines need control groups of version 2 that are delegated to their user',
          ),
        )
      else findings.push(ok(`${found}; tried and kept: ${trial.kept.join(', ')}`))
      return findings
    },
  }
}

/** The pool that rounds are drawn from. */
export function challengesCheck(folder: string, count: (signal: AbortSignal) => Promise<number>): Check {
  return {
    name: 'challenges',
    run: async (signal) => {
      const found = await count(signal)
      const hint = 'CHALLENGES_DIR: one folder for each, with face.png and audio.wav'
      if (found === 0) return fail(`${folder} holds no challenge`, hint)
      const said = `${found} challenges in ${folder}`
      return found < 50 ? warn(`${said}: miners will know them all soon`, hint) : ok(said)
    },
  }
}
