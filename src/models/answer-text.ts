/** Bytes of a refusal that are looked at. */
const maxDetailBytes = 4096
/** The longest reason that a task manifest takes. */
const maxReasonLength = 300

/** What a refusal says, from the first bytes of its body: the provider's `detail`, or the text as it stands. */
export async function detailOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      size += chunk.length
      if (size >= maxDetailBytes) break
    }
  } catch {
    // A refusal that breaks off has said what it could.
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, maxDetailBytes))
  return plainText(jsonDetail(text) ?? text)
}

function jsonDetail(text: string): string | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof json !== 'object' || json === null || !('detail' in json)) return undefined
  const {detail} = json
  if (typeof detail === 'string') return detail
  if (typeof detail === 'object' && detail !== null && 'message' in detail) return String(detail.message)
  return JSON.stringify(detail)
}

/**
 * A stranger's text as one short line: no control or formatting characters that could rewrite a terminal or a page, no
 * half characters that have no canonical JSON.
 */
export function plainText(text: string, maxLength = maxReasonLength): string {
  const line = text
    .slice(0, 4 * maxLength)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).toWellFormed()}…`
}
