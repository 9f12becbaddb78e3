import {spawn} from 'node:child_process'
import {once} from 'node:events'
import path from 'node:path'
import {text} from 'node:stream/consumers'
import type {z} from 'zod'

const script = path.join(import.meta.dirname, 'check.py')

/** A Python that has `requirements.txt` installed; `.ci/run` makes one. */
export const python = process.env.LEOMA_TEST_PYTHON

/** Asks Bittensor's own packages one thing; `ask` names a function of `check.py`. Throws what Python says of a failure. */
export async function askPython<T>(
  schema: z.ZodType<T>,
  ask: string,
  parameters: Readonly<Record<string, unknown>>,
): Promise<T> {
  if (!python) throw new Error('LEOMA_TEST_PYTHON names no Python')
  const child = spawn(python, [script], {stdio: ['pipe', 'pipe', 'pipe']})
  const ended = once(child, 'close')
  child.stdin.end(JSON.stringify({ask, with: parameters}))
  const [answer, complaint] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [code] = await ended
  if (code !== 0) throw new Error(`check.py ended with ${String(code)}: ${complaint}`)
  return schema.parse(JSON.parse(answer))
}
