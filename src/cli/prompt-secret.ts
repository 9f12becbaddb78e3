import {createInterface} from 'node:readline/promises'
import {Writable} from 'node:stream'
import {LeomaError} from '../errors.js'

/**
 * Asks on stderr for something that must not be seen, and shows nothing of what is typed. Without a terminal nobody could
 * answer: fails and names the variable that does.
 */
export async function promptSecret(question: string, variable: string, signal: AbortSignal): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new LeomaError('config', 'SECRET_MISSING', `${variable} is not set, and nobody can be asked here`, {
      hints: [`set ${variable} in the environment or in .env`],
    })
  }
  process.stderr.write(`${question}: `)
  // Readline echoes what is typed to its output, so it gets one that swallows it.
  const nowhere = new Writable({write: (_chunk, _encoding, done) => done()})
  const lines = createInterface({input: process.stdin, output: nowhere, terminal: true})
  try {
    const answer = (await lines.question('', {signal})).trim()
    if (answer !== '') return answer
    throw new LeomaError('config', 'SECRET_MISSING', `no answer, and ${variable} is not set`, {
      hints: [`set ${variable} in the environment or in .env`],
    })
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}
