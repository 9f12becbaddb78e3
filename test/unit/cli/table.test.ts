import {expect, test, vi} from 'vitest'
import {renderTable} from '../../../src/cli/table.js'

interface Row {
  readonly uid: number
  readonly name: string
  readonly why: string
}

const columns = [
  {name: 'uid', value: ({uid}: Row) => uid, align: 'right'},
  {name: 'name', value: ({name}: Row) => name},
  {name: 'why', value: ({why}: Row) => why, flexible: true},
] as const

const rows: Row[] = [
  {uid: 7, name: 'alice', why: 'short'},
  {uid: 123, name: 'b', why: 'a sentence that is much longer than the terminal is wide'},
]

const render = (width: number | undefined) => {
  vi.stubEnv('NO_COLOR', '1')
  vi.stubEnv('FORCE_COLOR', undefined)
  try {
    return renderTable(columns, rows, {width, stream: process.stdout})
  } finally {
    vi.unstubAllEnvs()
  }
}

test('is aligned on a terminal, and cut where it may be so that no line is longer than the terminal', () => {
  expect(render(40)).toBe(
    ['uid  name   why', '  7  alice  short', '123  b      a sentence that is much lon…', ''].join('\n'),
  )
})

test('is tab-separated and whole when piped', () => {
  expect(render(undefined)).toBe(
    'uid\tname\twhy\n7\talice\tshort\n123\tb\ta sentence that is much longer than the terminal is wide\n',
  )
})

test('control characters in a cell cannot end the line, start a new cell or speak to the terminal', () => {
  const hostile = [{uid: 1, name: 'a\tb\nc', why: '\u001b]0;title\u0007\u202edrow'}]

  const text = renderTable(columns, hostile, {width: undefined, stream: process.stdout})

  expect(text.split('\n')[1]).toBe('1\ta b c\t ]0;title  drow')
})
