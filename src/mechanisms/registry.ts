import {LeomaError} from '../errors.js'
import {close} from './close.js'
import {talkingHead} from './talking-head/index.js'
import type {AnyMechanism} from './types.js'
import {video} from './video/index.js'

/** An explicit list: it is type-checked, and nothing is found by reading directories at run time. */
export const mechanisms: readonly AnyMechanism[] = [close(video), close(talkingHead)]

export function mechanism(name: string): AnyMechanism {
  const found = mechanisms.find((candidate) => candidate.name === name)
  if (found) return found
  throw new LeomaError('config', 'MECHANISM_UNKNOWN', `there is no mechanism ${name}`, {
    hints: [`known: ${mechanisms.map((known) => known.name).join(', ')}`],
  })
}
