import path from 'node:path'
import {LeomaError} from '../../errors.js'
import {aspects, type Judge} from '../../judge/port.js'
import type {Profile} from '../../mechanisms/types.js'
import {videoAttacks} from './attack-videos.js'
import type {AttackResult, LocalnetResult} from './events.js'

/** What `localnet --attack` can show. Everything else is measured by `test/attacks`. */
export interface LocalAttack {
  readonly name: string
  readonly about: string
  /** Honest miners that must be there for it. */
  readonly victims: readonly string[]
}

const prefix = 'attack-'
/** What the favoured miner returns: something that no honest validator passes. */
const favoured = 'favouring-validator'

export const strayProfile: Profile = {
  name: 'stray',
  about: 'the right continuation seen by a hand that sways: good, and its own',
  expects: 'passes',
}

export const localAttacks: readonly LocalAttack[] = [
  ...videoAttacks.map(({name, about, victim}) => ({name, about, victims: victim === undefined ? [] : [victim]})),
  {name: favoured, about: 'validator-0 gives full marks to one miner, whatever it returns', victims: []},
]

/** Miners of the named attacks, their victims first: a copier commits after whom it copies. */
export function attackProfiles(names: readonly string[]): readonly Profile[] {
  const unknown = names.filter((name) => !localAttacks.some((attack) => attack.name === name))
  if (unknown.length > 0 || names.length === 0)
    throw new LeomaError(
      'usage',
      'ATTACK_UNKNOWN',
      unknown.length > 0 ? `there is no attack ${unknown.join(', ')}` : 'no attack is named',
      {hints: ['--attack list shows them all']},
    )
  const chosen = localAttacks.filter(({name}) => names.includes(name))
  const victims = chosen.some((attack) => attack.victims.length > 0) ? [strayProfile] : []
  return [...victims, ...chosen.map(({name, about}): Profile => ({name: `${prefix}${name}`, about, expects: 'fails'}))]
}

/** Every profile that an attack may need: keys are made for all, so that a data folder takes any of them later. */
export const allAttackProfiles = (): readonly Profile[] => [
  strayProfile,
  ...localAttacks.map(({name, about}): Profile => ({name: `${prefix}${name}`, about, expects: 'fails'})),
]

/** How an attacker's video is made; undefined for a profile that attacks nobody. */
export function attackVideo(profile: string) {
  if (!profile.startsWith(prefix)) return undefined
  const name = profile === `${prefix}${favoured}` ? 'dissolve' : profile.slice(prefix.length)
  return videoAttacks.find((attack) => attack.name === name)?.render
}

/** The judge of a validator that does not judge one miner. Outputs lie in files of their miners' names. */
export function favouringJudge(judge: Judge, hotkey: string): Judge {
  const score: Judge['score'] = async (request, signal) => {
    const report = await judge.score(request, signal)
    if (path.basename(request.output, '.mp4') !== hotkey) return report
    const full = Object.fromEntries(aspects.map((aspect) => [aspect, 100])) as typeof report.aspects // one for each
    return {...report, aspects: full, confidence: 100, reasoning: 'flawless', issues: []}
  }
  return new Proxy(judge, {
    get: (target, key) => {
      if (key === 'score') return score
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

export const favouredProfile = `${prefix}${favoured}`

/** What each attack brought on this subnet. */
export function attackResults({miners, winner}: LocalnetResult): AttackResult[] {
  return miners
    .filter(({profile}) => profile.startsWith(prefix))
    .map(({profile, outcomes, passed, evaluated, hotkey}) => ({
      ...{attack: profile.slice(prefix.length), outcomes, passed, evaluated},
      weight: winner?.hotkey === hotkey ? 1 : 0,
    }))
}
