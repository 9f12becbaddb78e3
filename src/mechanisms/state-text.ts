import {canonicalJson} from '../domain/canonical.js'

/**
 * The canonical JSON of states, piece by piece: a rule that folds one more piece of evidence shares everything else with
 * the state before, and what was written down once is not written again. So the cost follows what is new, not what is
 * remembered. States are never changed in place, or this would be wrong.
 */
export class StateText {
  readonly #written = new WeakMap<object, string>()

  /** Exactly `canonicalJson(state)`. */
  of(state: unknown): string {
    if (!isPlain(state)) return canonicalJson(state)
    const pairs = Object.entries(state)
      .filter(([, value]) => value !== undefined)
      // By UTF-16 units, as RFC 8785 wants it and `<` compares.
      .sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${pairs.map(([key, value]) => `${canonicalJson(key)}:${this.#part(value)}`).join(',')}}`
  }

  #part(value: unknown): string {
    if (!Array.isArray(value)) return canonicalJson(value)
    return `[${value.map((item: unknown) => this.#item(item)).join(',')}]`
  }

  #item(item: unknown): string {
    if (typeof item !== 'object' || item === null) return canonicalJson(item)
    const known = this.#written.get(item)
    if (known !== undefined) return known
    const text = canonicalJson(item)
    this.#written.set(item, text)
    return text
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
