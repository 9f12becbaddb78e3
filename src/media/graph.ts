/** Scaling without shortcuts that differ between processors; the same bytes then give the same pixels everywhere. */
const exactScaling = 'flags=bicubic+accurate_rnd+full_chroma_int+bitexact'

/**
 * Covers `width × height` and crops the middle. The crop comes first: scaling a 16 × 65536 picture to cover 832 × 480
 * would make a picture of billions of pixels on the way. Pixels are taken as square.
 */
export function coverFilter(width: number, height: number): string {
  const wider = `gt(iw*${height},ih*${width})`
  const taller = `lt(iw*${height},ih*${width})`
  const cropWidth = `if(${wider},max(2,min(iw,round(ih*${width}/${height}))),iw)`
  const cropHeight = `if(${taller},max(2,min(ih,round(iw*${height}/${width}))),ih)`
  return `crop=w='${cropWidth}':h='${cropHeight}',scale=${width}:${height}:${exactScaling}`
}

/** `count` places evenly spaced over `0 … total-1`, both ends included; fewer when there are fewer frames. */
export function evenlySpaced(total: number, count: number): number[] {
  const wanted = Math.min(total, count)
  if (wanted <= 1) return total > 0 && count > 0 ? [0] : []
  return Array.from({length: wanted}, (_, i) => Math.round((i * (total - 1)) / (wanted - 1)))
}

/** A `select` filter that passes these frame numbers (ascending), and everything from `end` on. */
export function selectFilter(places: readonly number[], end: number): string {
  return `select='${places.map((place) => `eq(n,${place})`).join('+')}+gte(n,${end})'`
}
