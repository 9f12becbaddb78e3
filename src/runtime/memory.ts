/**
 * Memory for frames and for pieces of files, used again. Megabytes that come and go lie outside the heap, and each few
 * dozen of them make the collector go through the whole heap for nothing; returned to the system they leave holes that
 * the process keeps.
 */

/** Kept for the next user, at most, in bytes: what two videos that are judged at once take. */
const maxKeptBytes = 24 * 1024 * 1024
/** Sizes are rounded up to this, so that videos of about the same length fit into each other's. */
const grain = 256 * 1024

/** The free ones, smallest first. */
const kept: ArrayBuffer[] = []
let keptBytes = 0

/** So many bytes, with whatever they held before: write before you read. */
export function borrowed(bytes: number): Uint8Array {
  const place = kept.findIndex(({byteLength}) => byteLength >= bytes && byteLength <= 2 * bytes + grain)
  const [found] = place < 0 ? [] : kept.splice(place, 1)
  keptBytes -= found?.byteLength ?? 0
  const memory = found ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / grain) * grain).buffer
  return new Uint8Array(memory, 0, bytes)
}

/** Whoever still looks at it sees nothing from now on. */
export function giveBack({buffer}: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.detached) return
  const isKept = keptBytes + buffer.byteLength <= maxKeptBytes
  const memory = buffer.transfer(isKept ? buffer.byteLength : 0)
  if (memory.byteLength === 0) return
  const place = kept.findIndex(({byteLength}) => byteLength > memory.byteLength)
  kept.splice(place < 0 ? kept.length : place, 0, memory)
  keptBytes += memory.byteLength
}

/**
 * A copy that all threads see without copying it again, for what is looked at time after time; what was copied is given
 * back.
 */
export function sharedCopy(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
  copy.set(bytes)
  giveBack(bytes)
  return copy
}
