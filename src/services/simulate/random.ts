/**
 * Chance by name: the same names give the same value, whoever asks first. So a season stays the same season when an
 * attacker joins it, and two runs with one seed agree to the last digit.
 */
export interface Chance {
  /** 0 ≤ x < 1 */
  uniform(...names: readonly (string | number)[]): number
  /** Mean 0, standard deviation 1. */
  normal(...names: readonly (string | number)[]): number
}

export function chanceOf(seed: number | string): Chance {
  const root = mix(2166136261, String(seed))
  const uniform = (...names: readonly (string | number)[]) => {
    let state = root
    for (const name of names) state = typeof name === 'number' ? finish(state ^ finish(name + 1)) : mix(state, name)
    // Two draws of 32 and 21 bits make the 53 of a double.
    const high = finish(state ^ 0x9e3779b9)
    const low = finish(state ^ 0x85ebca6b)
    return (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
  }
  return {
    uniform,
    // Box and Muller; 1 − u is never 0.
    normal: (...names) =>
      Math.sqrt(-2 * Math.log(1 - uniform(...names, 'radius'))) * Math.cos(2 * Math.PI * uniform(...names, 'angle')),
  }
}

/** FNV-1a over the text, then the finisher. */
function mix(state: number, text: string): number {
  let hash = state
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619)
  return finish(hash)
}

/** The finisher of MurmurHash3: every bit of the input moves every bit of the result. */
function finish(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
