import {readFile, writeFile} from 'node:fs/promises'
import type {Attack, Measurement} from './attack.js'
import {measureAll} from './attack.js'
import {ownerAttacks} from './owner.js'
import {rules} from './rules.js'
import {Scenes, videos} from './videos.js'

export const readme = new URL('../../src/mechanisms/video/README.md', import.meta.url)
const [begin, end] = ['<!-- attacks: npm run bench -- attacks --write -->', '<!-- end of attacks -->']

/** Attacks that bring something all the same, and why that is left so. */
export const exceptions: Readonly<Record<string, string>> = {}

export async function measureEverything(): Promise<Measurement[]> {
  const scenes = await Scenes.open()
  try {
    return await measureAll(attacksOf(scenes))
  } finally {
    await scenes.close()
  }
}

export function attacksOf(scenes: Scenes): readonly Attack[] {
  return [...videos(scenes), ...rules, ...ownerAttacks]
}

const figure = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2))

export function tableOf(measured: readonly Measurement[]): string {
  const rows = measured.map((line) => [
    `\`${line.name}\``,
    line.about,
    line.defence,
    line.gain,
    figure(line.without),
    figure(line.with),
  ])
  const head = ['attack', 'what the attacker does', 'what stands against it', 'what is gained', 'without', 'with']
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n')
}

/** The table that stands in the mechanism's README. */
export async function tableInReadme(): Promise<string> {
  const text = await readFile(readme, 'utf8')
  return text.slice(text.indexOf(begin) + begin.length, text.indexOf(end)).trim()
}

export async function writeTable(table: string): Promise<void> {
  const text = await readFile(readme, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < 0) throw new Error(`${readme.pathname} has no place for the table`)
  await writeFile(readme, `${text.slice(0, from + begin.length)}\n\n${table}\n\n${text.slice(to)}`)
}
