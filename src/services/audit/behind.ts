/** A ranking is made a little after a task has settled: minutes on the real chain. */
export const slackBlocks = 50

/** Block at which the task of these pieces of evidence settled; never, for pieces that do not say. */
export function settledAtOf(lines: readonly string[] | undefined): number {
  const [, block] = /"settledAtBlock":(\d{1,16})/.exec(lines?.at(-1) ?? '') ?? []
  return block === undefined ? Infinity : Number(block)
}
