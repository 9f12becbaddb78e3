/** Cuts a byte stream into lines for `onLine`. A line without end is cut at `maxChars`, so memory stays bounded. */
export function lineReader(onLine: (line: string) => void, maxChars = 4096): (chunk: Uint8Array) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1')).split('\n')
    rest = (lines.pop() ?? '').slice(0, maxChars)
    for (const line of lines) onLine(line)
  }
}
