/** The answer has more bytes than anybody needs for one. */
export class AnswerTooLarge extends Error {}

/** A chat answer of a few hundred tokens is a few kilobytes. */
export const maxAnswerBytes = 1024 * 1024

/**
 * `fetch` that follows no redirect, so that the key goes nowhere but to the configured host, and reads a body to its end
 * only while it is small.
 */
export async function boundedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, {...init, redirect: 'manual'})
  const {status, statusText, headers, body} = response
  // 204 and 304 have none, and a response with one could not be made for them.
  if (!body) return response
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const {done, value} = await reader.read()
    if (done) break
    size += value.length
    if (size > maxAnswerBytes) {
      await reader.cancel().catch(() => {})
      throw new AnswerTooLarge(`the answer has more than ${maxAnswerBytes} bytes`)
    }
    chunks.push(value)
  }
  return new Response(Buffer.concat(chunks), {status, statusText, headers})
}
