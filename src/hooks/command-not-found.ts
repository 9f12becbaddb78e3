import type {Hook} from '@oclif/core'
import {renderError} from '../cli/render-error.js'
import {LeomaError} from '../errors.js'

/** Names the commands that look like the one that was typed, in text and in JSON like every other failure. */
const hook: Hook.CommandNotFound = async ({argv = [], config, id}) => {
  const typed = id.replaceAll(':', ' ')
  const known = config.commands.filter(({hidden}) => !hidden).map((command) => command.id.replaceAll(':', ' '))
  const near = known.filter((name) => distance(name, typed) <= 2 || name.split(' ').includes(typed)).slice(0, 3)
  const failure = new LeomaError(
    'usage',
    'COMMAND_UNKNOWN',
    `there is no command ${JSON.stringify(typed.slice(0, 80))}`,
    {
      hints: [...near.map((name) => `leoma ${name}`), 'leoma --help'],
    },
  )
  if (argv.includes('--json')) process.stdout.write(`${JSON.stringify({error: failure}, null, 2)}\n`)
  else process.stderr.write(renderError(failure, {stream: process.stderr, verbose: false}))
  throw Object.assign(failure, {skipOclifErrorHandling: true, oclif: {exit: failure.exitCode}})
}

/** Letters to insert, remove or replace to make one word of the other. */
export function distance(a: string, b: string): number {
  let row = Array.from({length: b.length + 1}, (_, at) => at)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const [left = 0, above = 0, corner = 0] = [next[j], row[j + 1], row[j]]
      next.push(Math.min(left + 1, above + 1, corner + (letter === b[j] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length] ?? 0
}

export default hook
