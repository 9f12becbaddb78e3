import {spawnSync} from 'node:child_process'
import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {expect, test} from 'vitest'

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

test('README.md has a row for every error code, and none for codes that are gone', () => {
  const files = readdirSync(path.join(root, 'src'), {recursive: true, encoding: 'utf8'}).filter((file) =>
    file.endsWith('.ts'),
  )
  const source = files.map((file) => readFileSync(path.join(root, 'src', file), 'utf8')).join('\n')
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8')
  const section = readme.slice(
    readme.indexOf('### Error codes'),
    readme.indexOf('\n## ', readme.indexOf('### Error codes')),
  )

  const listed = [...section.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code)
  const thrown = [
    ...source.matchAll(/\(\s*'(?:bug|usage|config|auth|chain|upstream|data|checks|interrupted)',\s*'([A-Z][A-Z_]+)'/g),
  ].map(([, code]) => code)

  expect([...new Set(thrown)].filter((code) => !listed.includes(code))).toEqual([])
  expect(listed.filter((code) => !source.includes(`'${code}'`))).toEqual([])
})
