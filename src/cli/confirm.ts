import {createInterface} from 'node:readline/promises'
import {LeomaError} from '../errors.js'

/**
 * Asks on stderr, so that stdout stays the answer. Without a terminal nobody could answer: fails and names the flag that
 * does.
 */
export async function confirm(question: string, flag: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new LeomaError('usage', 'ANSWER_NEEDED', `${question} Nobody can answer here: this is not a terminal`, {
      hints: [`add ${flag} to go on without being asked`],
    })
  }
  const lines = createInterface({input: process.stdin, output: process.stderr})
  try {
    const answer = await lines.question(`${question} [y/N] `, {signal})
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}
