import type {FastifyRequest} from 'fastify'

export interface CorsOptions {
  /** `*` stands for all origins and never comes with credentials. */
  readonly origins: readonly string[]
}

/** Headers for an answer to a page of `origin`; none for origins that were not named. */
export function corsHeaders(origin: string | undefined, {origins}: CorsOptions): Record<string, string> {
  if (origins.includes('*')) return {'access-control-allow-origin': '*'}
  if (origins.length === 0) return {}
  if (origin === undefined || !origins.includes(origin)) return {vary: 'Origin'}
  return {'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true', vary: 'Origin'}
}

/** The answer to a browser that asks before it calls; undefined for any other request. */
export function preflight(
  request: FastifyRequest,
  options: CorsOptions,
): {status: number; detail: string; headers: Record<string, string>} | undefined {
  const {origin, 'access-control-request-method': method, 'access-control-request-headers': wanted} = request.headers
  if (request.method !== 'OPTIONS' || origin === undefined || typeof method !== 'string') return undefined
  const headers = corsHeaders(origin, options)
  if (headers['access-control-allow-origin'] === undefined)
    return {status: 400, detail: 'Disallowed CORS origin', headers}
  return {
    status: 200,
    detail: 'OK',
    headers: {
      ...headers,
      'access-control-allow-methods': 'GET, POST, DELETE',
      'access-control-allow-headers': typeof wanted === 'string' ? wanted : '*',
      'access-control-max-age': '600',
    },
  }
}
