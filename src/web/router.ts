/** Addresses of the page live behind the `#`, so that it works below any path and beside every route of the API. */

export interface Place {
  /** Pieces of the path, decoded: `['miner', '5F…']`. */
  readonly path: readonly string[]
  readonly query: Readonly<Record<string, string>>
}

export function parsePlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  return {
    path: path
      .split('/')
      .filter((piece) => piece !== '')
      .map(decoded),
    query: Object.fromEntries(new URLSearchParams(query)),
  }
}

/** Empty values are left out, so that one view has one address. */
export function addressOf(path: readonly string[], query: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== '')
  const text = new URLSearchParams(pairs).toString()
  return `#/${path.map(encodeURIComponent).join('/')}${text === '' ? '' : `?${text}`}`
}

function decoded(piece: string): string {
  try {
    return decodeURIComponent(piece)
  } catch {
    // Half a percent sign that somebody typed.
    return piece
  }
}
