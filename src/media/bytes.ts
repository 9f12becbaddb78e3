export interface Collector {
  /** Bytes past the limit are dropped. */
  add(chunk: Uint8Array): void
  readonly size: number
  /** What was collected; a view, no copy. */
  bytes(): Uint8Array
}

/**
 * Gathers a stream into one array. It grows by doubling up to `maxBytes`, or is made in one piece when `expectedBytes` is
 * known, so frames are copied once.
 */
export function collector(maxBytes: number, expectedBytes = 0): Collector {
  let buffer = new Uint8Array(Math.min(maxBytes, expectedBytes))
  let size = 0
  return {
    add(chunk) {
      const part = chunk.length > maxBytes - size ? chunk.subarray(0, maxBytes - size) : chunk
      if (size + part.length > buffer.length) {
        const grown = new Uint8Array(Math.min(maxBytes, Math.max(size + part.length, buffer.length * 2, 65_536)))
        grown.set(buffer.subarray(0, size))
        buffer = grown
      }
      buffer.set(part, size)
      size += part.length
    },
    get size() {
      return size
    },
    bytes: () => buffer.subarray(0, size),
  }
}
