import {createInterface} from 'node:readline/promises'
import {Writable} from 'node:stream'

/** Asks on stderr and shows nothing of what is typed. Only for a terminal: elsewhere nobody could answer. */
export async function askSecret(question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question)
  // The line editor echoes to its output; this one swallows it.
  const nowhere = new Writable({write: (_chunk, _encoding, done) => done()})
  const lines = createInterface({input: process.stdin, output: nowhere, terminal: true, historySize: 0})
  // The terminal is in raw mode: nobody else hears a Ctrl-C now.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  try {
    return await lines.question('', {signal})
  } finally {
    lines.close()
    process.stderr.write('\n')
  }
}
