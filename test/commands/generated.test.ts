import {spawnSync} from 'node:child_process'
import {readdirSync, readFileSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import path from 'node:path'
import {expect, test} from 'vitest'
import {tempFolder} from '../helpers/temp-folder.js'

interface ErrorCodes {
  readonly composed: Record<string, unknown>
  errorCodes(folder: string): [code: string, {kind: string; means: string | undefined; hints: string[]}][]
}
// The scripts in bin are plain JavaScript; this is what the one under test exports.
const {composed, errorCodes}: ErrorCodes = createRequire(import.meta.url)('../../bin/error-codes.js')

const root = path.resolve(import.meta.dirname, '../..')

test('oclif.manifest.json, env.example and the tables of README.md are what the source says', () => {
  const {stderr, status} = spawnSync(process.execPath, ['bin/generate.js', '--check'], {cwd: root, encoding: 'utf8'})

  expect({stderr, status}).toEqual({stderr: '', status: 0})
})

test('env.example holds no value that would work anywhere', () => {
  const lines = readFileSync(path.join(root, 'env.example'), 'utf8').split('\n')

  expect(lines.filter((line) => line !== '' && !line.startsWith('#'))).toEqual([])
  expect(lines.filter((line) => /KEY=|SECRET=|TOKEN=/.test(line)).every((line) => line.endsWith('='))).toBe(true)
})

test('error codes that are explained by hand are still thrown', () => {
  const names = readdirSync(path.join(root, 'src'), {recursive: true, encoding: 'utf8'})
  const files = names.filter((file) => file.endsWith('.ts'))
  const source = files.map((file) => readFileSync(path.join(root, 'src', file), 'utf8')).join('\n')

  expect(Object.keys(composed).filter((code) => !source.includes(`'${code}'`))).toEqual([])
  expect(errorCodes(path.join(root, 'src')).length).toBeGreaterThan(80)
})

test('a message is read as a person would: what is only known later is …, and quotes and brackets do not end it', () => {
  const folder = tempFolder()
  const source = [
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is source text
    "throw new LeomaError('chain', 'A_B', `no ${f('}', `x${1}`)} (yet)`, {hints: ['try )', `set ${x}`]})",
    "super('config', 'C_D', 'it\\'s here')",
  ]
  writeFileSync(path.join(folder, 'a.ts'), source.join('\n'))

  const found = new Map(errorCodes(folder))

  expect(found.get('A_B')).toEqual({kind: 'chain', means: 'no … (yet)', hints: ['try )', 'set …']})
  expect(found.get('C_D')).toEqual({kind: 'config', means: "it's here", hints: []})
})
