import {expect, it} from 'vitest'
import {isTold, logLine} from '../../../src/cli/log-line.js'
import {LeomaError} from '../../../src/errors.js'
import {createLogger, type Logger} from '../../../src/runtime/logger.js'

/** What the program's own logger makes of it. */
async function said(log: (logger: Logger) => void): Promise<string> {
  let written = ''
  const logger = await createLogger({
    ...{level: 'info', pretty: false, secretKeys: [], render: logLine},
    write: (line) => {
      written += line
    },
  })
  log(logger)
  return written
}

it('is one line of text with part, event and reason, and no JSON', async () => {
  const line = await said((log) =>
    log
      .child({part: 'validator-1'})
      .warn({mechanism: 'talking-head', reason: 'the executor does not serve'}, 'no new evidence'),
  )

  expect(line).toBe('! validator-1: no new evidence: the executor does not serve (mechanism talking-head)\n')
})

it('says what an error says, and what to do about it, without its stack', async () => {
  const error = new LeomaError('upstream', 'OBJECTS_UNREACHABLE', 'the store is away', {
    hints: ['leoma doctor', 'wait'],
  })
  const line = await said((log) => log.error({err: error, job: 'sampling'}, 'job failed'))

  expect(line).toBe('✗ job failed: the store is away (job sampling); what to do: leoma doctor; or wait\n')
})

it('lets no stranger break the line or move the cursor', async () => {
  const line = await said((log) => log.warn({reason: 'a\nb\u001b[2J'}, 'odd'))

  expect(line).toBe('! odd: a b [2J\n')
})

it('shows what is no JSON as it is, and knows what the story tells by itself', () => {
  expect(logLine('plain words\n')).toBe('plain words')
  expect(isTold('{"level":50,"job":"sampling","msg":"job failed"}')).toBe(true)
  expect(isTold('{"level":50,"msg":"job failed"}')).toBe(false)
  expect(isTold('{"level":40,"task":9,"reason":"no usable source","msg":"round skipped"}')).toBe(true)
  expect(isTold('job failed')).toBe(false)
})
