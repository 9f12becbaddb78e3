import {stripVTControlCharacters as stripColour} from 'node:util'
import {Errors} from '@oclif/core'
import {expect, test} from 'vitest'
import {explain} from '../../../src/cli/explain.js'
import {renderError} from '../../../src/cli/render-error.js'
import {type ErrorKind, exitCodes, LeomaError} from '../../../src/errors.js'
import {distance} from '../../../src/hooks/command-not-found.js'

const system = (code: string) => Object.assign(new Error(`${code}: no`), {code})

test.each<[string, unknown, ErrorKind, string]>([
  ['our own errors stay', new LeomaError('chain', 'CHAIN_UNREACHABLE', 'x'), 'chain', 'CHAIN_UNREACHABLE'],
  ['what oclif refuses is usage', new Errors.CLIError('Missing required flag'), 'usage', 'USAGE'],
  ['a port that is taken is configuration', system('EADDRINUSE'), 'config', 'PORT_IN_USE'],
  ['a full disk is data', system('ENOSPC'), 'data', 'DISK_FULL'],
  ['anything else is a fault of ours', new TypeError('x is undefined'), 'bug', 'UNEXPECTED'],
  ['even what is no error', 'text', 'bug', 'UNEXPECTED'],
])('%s', (_, error, kind, code) => {
  expect(explain(error, 'get-rank', false)).toMatchObject({kind, code, exitCode: exitCodes[kind]})
})

test('whatever fails after Ctrl-C was interrupted', () => {
  expect(explain(new Error('socket closed'), 'get-rank', true)).toMatchObject({kind: 'interrupted', exitCode: 130})
})

const render = (error: LeomaError, verbose = false) =>
  stripColour(renderError(error, {stream: process.stderr, verbose}))

test('an expected failure is its message, code and hints, without a stack', () => {
  const error = new LeomaError('config', 'PORT_IN_USE', 'port 8000 is taken', {
    hints: ['stop the other', 'choose another'],
  })

  expect(render(error)).toBe('error: port 8000 is taken [PORT_IN_USE]\n  try: stop the other\n  try: choose another\n')
})

test('with more asked for, the causes follow with their stacks', () => {
  const error = new LeomaError('chain', 'X', 'outer', {cause: new Error('inner', {cause: new Error('innermost')})})

  expect(render(error, true)).toMatch(/outer[\s\S]*Error: inner\n[\s\S]*Error: innermost\n/)
})

test('a fault of ours shows its stack and asks for a report', () => {
  const text = render(LeomaError.from(new TypeError('x is undefined')))

  expect(text).toContain('report it')
  expect(text).toContain('TypeError: x is undefined\n')
  expect(text).toContain('failures.test.ts')
})

test('a cause that is its own cause does not hang', () => {
  const ring = new Error('ring')
  ring.cause = ring

  expect(render(new LeomaError('chain', 'X', 'outer', {cause: ring}), true).match(/Error: ring/g)?.length).toBe(4)
})

test('a message cannot carry a control sequence to the terminal', () => {
  const text = renderError(new LeomaError('upstream', 'X', 'evil \u001b[2Jtext'), {
    stream: process.stderr,
    verbose: false,
  })

  expect(text).toContain('evil  [2Jtext')
})

test.each([
  ['serve', 'serve', 0],
  ['get-rnk', 'get-rank', 1],
  ['srevers', 'servers', 2],
  ['', 'db', 2],
])('%s is away from %s by %i letters', (a, b, letters) => {
  expect(distance(a, b)).toBe(letters)
})
