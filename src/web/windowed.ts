/** Which rows of a long list are near the sight, and how much room the others take. Pure, so that it can be counted through. */

export interface WindowedPlace {
  /** From the top of the list to the top of the sight; negative while the list begins further down. In pixels. */
  readonly top: number
  /** Height of the sight, in pixels. */
  readonly height: number
}

export interface WindowedRows {
  /** Positions of the rows to draw, ascending. */
  readonly shown: readonly number[]
  /** Empty room above each of them, in pixels. */
  readonly gaps: readonly number[]
  /** Empty room below the last. */
  readonly rest: number
}

/**
 * Rows that the sight and `margin` pixels on both sides of it touch, and `kept` wherever it is: what has the focus must not
 * go away from under it.
 */
export function rowsInSight(
  heights: readonly number[],
  {top, height}: WindowedPlace,
  {margin, kept}: {margin: number; kept: number | undefined},
): WindowedRows {
  const [shown, gaps]: [number[], number[]] = [[], []]
  let end = 0
  let gap = 0
  for (const [index, own] of heights.entries()) {
    const start = end
    end += own
    if ((end > top - margin && start < top + height + margin) || index === kept) {
      shown.push(index)
      gaps.push(gap)
      gap = 0
    } else {
      gap += own
    }
  }
  return {shown, gaps, rest: gap}
}
