import type {FastifyRequest} from 'fastify'
import type {Route} from './route.js'

export interface Elsewhere {
  readonly status: number
  readonly detail: string
  readonly headers: Readonly<Record<string, string>>
}

/** Where no route answers: the same path without its last slash, another method, or nothing. */
export function elsewhere(request: FastifyRequest, table: readonly Route[]): Elsewhere {
  const [path = '/', query] = request.url.split('?', 2)
  const methodsAt = (wanted: string) => table.filter((route) => pattern(route).test(wanted)).map(({method}) => method)
  const methods = methodsAt(path)
  if (methods.length > 0)
    return {status: 405, detail: 'Method Not Allowed', headers: {allow: [...new Set(methods)].join(', ')}}
  const shorter = withoutLastSlashes(path)
  // A path that begins with two slashes would send the browser to another host.
  if (shorter !== path && /^\/[^/\\]/.test(shorter) && methodsAt(shorter).length > 0) {
    return {
      status: 307,
      detail: 'Temporary Redirect',
      headers: {location: query === undefined ? shorter : `${shorter}?${query}`},
    }
  }
  return {status: 404, detail: 'Not Found', headers: {}}
}

/** Not with a regular expression: one that looks for slashes at the end is slow where there are many elsewhere. */
function withoutLastSlashes(path: string): string {
  let end = path.length
  while (path[end - 1] === '/') end--
  return path.slice(0, end)
}

const patterns = new Map<string, RegExp>()

function pattern({path}: Route): RegExp {
  const known = patterns.get(path)
  if (known) return known
  const source = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'task_id' ? '\\d+' : '[^/]+'))
  const made = new RegExp(`^${source}$`)
  patterns.set(path, made)
  return made
}
