import {request} from 'undici'
import {LeomaError} from '../errors.js'
import type {Clock} from '../runtime/clock.js'

/**
 * How far this machine's clock is ahead of the API's, in milliseconds; good to a second and half of the way there and
 * back, since the `Date` header has whole seconds. The API refuses requests that are signed too far from its own time.
 */
export async function clockSkewMs(url: string, time: Pick<Clock, 'now'>, signal: AbortSignal): Promise<number> {
  const before = time.now()
  const {headers, body} = await request(`${url}/health`, {method: 'GET', signal}).catch((error: unknown) => {
    signal.throwIfAborted()
    throw new LeomaError('upstream', 'API_UNREACHABLE', `no answer from ${url}`, {
      hints: ['check API_URL'],
      cause: error,
    })
  })
  const after = time.now()
  await body.dump()
  const theirs = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN
  if (Number.isNaN(theirs)) {
    throw new LeomaError('upstream', 'API_ANSWER_INVALID', `${url} does not tell the time`, {retryable: false})
  }
  const ours = (before + after) / 2
  // The header is the second's beginning: anywhere within it is no skew.
  if (ours < theirs) return Math.round(ours - theirs)
  return Math.round(Math.max(0, ours - theirs - 1000))
}
