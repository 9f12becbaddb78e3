import {styleText} from 'node:util'
import type {LeomaError} from '../errors.js'
import {printable} from './printable.js'

/** What a person reads on stderr: the failure, its code to search for, and what to try. */
export function renderError(error: LeomaError, options: {stream: NodeJS.WriteStream; verbose: boolean}): string {
  const style = (format: 'bold' | 'red' | 'dim', text: string) =>
    styleText(format, text, {stream: options.stream, validateStream: true})
  const lines = [`${style('red', 'error:')} ${printable(error.message)} ${style('dim', `[${error.code}]`)}`]
  for (const hint of error.hints) lines.push(`  ${style('bold', 'try:')} ${printable(hint)}`)
  if (options.verbose || error.kind === 'bug') lines.push(...stacks(error).map((stack) => style('dim', stack)))
  return `${lines.join('\n')}\n`
}

/** The stack of the error and of each of its causes; at most five, in case the chain is a ring. */
function stacks(error: LeomaError): string[] {
  const found: string[] = []
  let next: unknown = error.kind === 'bug' && error.cause !== undefined ? error.cause : error
  while (next instanceof Error && found.length < 5) {
    found.push(next.stack ?? String(next))
    next = next.cause
  }
  return found
}
