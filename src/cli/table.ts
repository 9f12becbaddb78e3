import {styleText} from 'node:util'
import {printable} from './printable.js'

export interface Column<Row> {
  readonly name: string
  readonly value: (row: Row) => string | number
  readonly align?: 'right'
  /** Shortened so that the table fits a terminal; never when piped. */
  readonly flexible?: true
}

export interface TableOptions {
  /** Columns of the terminal; undefined when the output is piped. */
  readonly width: number | undefined
  readonly stream: NodeJS.WriteStream
}

/** Aligned for people on a terminal; tab-separated, whole and without colour for programs. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  {width, stream}: TableOptions,
): string {
  const cells = rows.map((row) => columns.map((column) => printable(String(column.value(row))).replaceAll('\n', ' ')))
  const names = columns.map(({name}) => name)
  if (width === undefined) return [names, ...cells].map((line) => `${line.join('\t')}\n`).join('')

  const widths = columns.map((_, at) => Math.max(...[names, ...cells].map((line) => [...(line[at] ?? '')].length)))
  const spare = width - widths.reduce((sum, each) => sum + each + 2, -2)
  const flexible = columns.findIndex((column) => column.flexible)
  if (spare < 0 && flexible >= 0) widths[flexible] = Math.max(12, (widths[flexible] ?? 0) + spare)

  const render = (line: readonly string[]) =>
    line
      .map((cell, at) => fit(cell, widths[at] ?? 0, columns[at]?.align === 'right'))
      .join('  ')
      .trimEnd()
  const head = styleText('bold', render(names), {stream, validateStream: true})
  return [head, ...cells.map(render)].map((line) => `${line}\n`).join('')
}

function fit(text: string, width: number, right: boolean): string {
  const length = [...text].length
  if (length > width) return `${[...text].slice(0, width - 1).join('')}…`
  const padding = ' '.repeat(width - length)
  return right ? padding + text : text + padding
}
