import {createHash} from 'node:crypto'
import {canonicalJson} from '../domain/canonical.js'
import {Sha256} from '../domain/ids.js'

/**
 * The canonical JSON of states, piece by piece: a rule that folds one more piece of evidence shares everything else with
 * the state before, and what was written down once is not written again. So the cost follows what is new, not what is
 * remembered. States are never changed in place, or this would be wrong.
 */
export class StateText {
  readonly #written = new WeakMap<object, string>()

  /** Exactly `canonicalJson(state)`. */
  of(state: unknown): string {
    return this.#pieces(state).join('')
  }

  /** Exactly `hashOf(state)`. */
  hash(state: unknown): Sha256 {
    const hash = createHash('sha256')
    for (const piece of this.#pieces(state)) hash.update(piece)
    return Sha256.parse(hash.digest('hex'))
  }

  #pieces(state: unknown): string[] {
    if (!isPlain(state)) return [canonicalJson(state)]
    const pieces: string[] = []
    // By UTF-16 units, as RFC 8785 wants it and `<` compares.
    const pairs = Object.entries(state).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, value] of pairs) {
      if (value === undefined) continue
      pieces.push(pieces.length === 0 ? '{' : ',', canonicalJson(key), ':')
      if (Array.isArray(value)) this.#addArray(value, pieces)
      else pieces.push(canonicalJson(value))
    }
    return pieces.length === 0 ? ['{}'] : [...pieces, '}']
  }

  #addArray(items: readonly unknown[], pieces: string[]): void {
    pieces.push('[')
    for (const [index, item] of items.entries()) {
      if (index > 0) pieces.push(',')
      pieces.push(this.#item(item))
    }
    pieces.push(']')
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
