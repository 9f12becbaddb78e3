import {readdirSync, readFileSync} from 'node:fs'
import path from 'node:path'
import {expect, test} from 'vitest'

const src = path.resolve(import.meta.dirname, '../../src')
const outside = [
  'caption',
  'chain',
  'judge',
  'media',
  'models',
  'objects',
  'quality',
  'sandbox',
  'store',
  'vision',
  'wallet',
] as const
/** `api/schemas` are the words that `api/port` speaks. */
const ports = ['api/port', 'api/schemas', ...outside.map((folder) => `${folder}/port`)]
/** Of the store only what one part needs of it. */
const storePorts = ['store/journal-port', 'store/record-port', 'store/executor-port', 'store/submission-port']

/** Which way the arrows point: a folder may import itself and what its row lists. */
const mayImport: Record<string, readonly string[]> = {
  errors: [],
  domain: [],
  runtime: ['errors'],
  config: ['domain', 'errors'],
  ...Object.fromEntries(
    [...outside, 'api'].map((folder) => [folder, ['domain', 'errors', 'runtime', ...storePorts, ...ports]]),
  ),
  mechanisms: ['domain', 'errors', 'runtime', ...storePorts, ...ports],
  services: ['api', 'domain', 'errors', 'mechanisms', 'runtime', 'store', ...ports],
  http: ['api', 'domain', 'errors', 'mechanisms/types', 'runtime', 'services', 'store', ...ports],
  // In a browser: types of what is served, and rules that are the same there.
  web: ['api/schemas', 'api/views', 'domain'],
  app: ['.'],
  cli: ['api', 'app', 'config', 'domain', 'errors', 'runtime', 'services', 'wallet/ss58'],
  commands: ['api', 'app', 'cli', 'config', 'domain', 'errors', 'runtime', 'services'],
  hooks: ['cli', 'config', 'domain', 'errors', 'runtime'],
}

/** What else single parts may reach: a localnet sets up the very chain, wallets and media that it then runs on. */
const exceptions: Record<string, readonly string[]> = {
  'services/localnet': [...outside, 'config'],
}

interface Source {
  /** Below src, without the ending. */
  readonly name: string
  readonly text: string
  /** Imports of our own files, in the same form. */
  readonly imports: readonly string[]
  /** Those of them that exist when the program runs; types are gone by then. */
  readonly runs: readonly string[]
}

const sources = readdirSync(src, {recursive: true, encoding: 'utf8'})
  .filter((file) => /\.tsx?$/.test(file))
  .map((file): Source => {
    const text = readFileSync(path.join(src, file), 'utf8')
    const found = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g)]
    const named = (specifier: string | undefined) => path.join(path.dirname(file), specifier ?? '')
    const statements = [...text.matchAll(/^(?:import|export)\s+(type\s+)?[^;'"]*?from '(\.[^']+)\.js'/gms)]
    return {
      name: file.replace(/\.tsx?$/, ''),
      text,
      imports: found.map(([, to]) => named(to)),
      runs: statements.filter(([, type]) => type === undefined).map(([, , to]) => named(to)),
    }
  })

const isIn = (name: string, place: string) => place === '.' || name === place || name.startsWith(`${place}/`)

/** Code without comments, so that a sentence about a thing is not the thing. */
const codeOf = ({text}: Source) => text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '')

const using = (pattern: RegExp, allowed: readonly string[]) =>
  sources
    .filter((source) => !allowed.some((place) => isIn(source.name, place)) && pattern.test(codeOf(source)))
    .map(({name}) => name)

test('there is something to look at, and every folder has a row', () => {
  const folders = new Set(sources.map(({name}) => name.split('/')[0]))

  expect(sources.length).toBeGreaterThan(50)
  expect([...folders].filter((folder) => mayImport[folder ?? ''] === undefined)).toEqual([])
})

test.each(sources.map((source) => [source.name, source] as const))(
  '%s imports only what its folder may',
  (name, source) => {
    const folder = name.split('/')[0] ?? ''
    const special = Object.entries(exceptions).flatMap(([place, more]) => (isIn(name, place) ? more : []))
    const allowed = [folder, ...(mayImport[folder] ?? []), ...special]

    const strays = source.imports.filter((to) => !allowed.some((place) => isIn(to, place)))

    expect(strays).toEqual([])
  },
)

test('nothing imports a command, and only commands and hooks are entry points', () => {
  const importers = sources.filter(
    ({name, imports}) => !isIn(name, 'commands') && imports.some((to) => isIn(to, 'commands')),
  )

  expect(importers.map(({name}) => name)).toEqual([])
})

test('two mechanisms never import each other', () => {
  const strays = sources.flatMap(({name, imports}) => {
    const [, own] = /^mechanisms\/([^/]+)\//.exec(name) ?? []
    return imports.filter(
      (to) => own !== undefined && /^mechanisms\/[^/]+\//.test(to) && !isIn(to, `mechanisms/${own}`),
    )
  })

  expect(strays).toEqual([])
})

test('no file needs itself, however long the way', () => {
  const byName = new Map(sources.map((source) => [source.name, source]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (name: string, way: readonly string[]) => {
    if (way.includes(name)) cycles.push([...way.slice(way.indexOf(name)), name].join(' -> '))
    if (done.has(name) || way.includes(name)) return
    for (const to of byName.get(name)?.runs ?? []) visit(to, [...way, name])
    done.add(name)
  }

  for (const {name} of sources) visit(name, [])

  expect(cycles).toEqual([])
})

test('the environment is read in config and nowhere else', () => {
  expect(using(/process\.env/, ['config'])).toEqual([])
})

test('timers and the present time belong to runtime', () => {
  expect(
    using(/\b(setTimeout|setInterval|setImmediate)\(|\bDate\.now\(|timers\/promises/, ['runtime', 'web/clock']),
  ).toEqual([])
})

test('signals are joined by runtime, which lets go of what listens to them', () => {
  expect(using(/\bAbortSignal\.any\b/, [])).toEqual([])
})

test('nothing writes to the console', () => {
  expect(using(/\bconsole\.\w+\(/, [])).toEqual([])
})

test('the process is ended only by a second Ctrl-C', () => {
  expect(using(/process\.exit\(/, ['runtime/shutdown'])).toEqual([])
})

test('every file among the commands is a command with a summary and an example', () => {
  const commands = sources.filter(({name}) => isIn(name, 'commands'))

  const incomplete = commands.filter(
    ({text}) =>
      !/export default class \w+ extends (Base|Service)Command/.test(text) ||
      !/static override summary/.test(text) ||
      !/static override examples/.test(text),
  )

  expect(incomplete.map(({name}) => name)).toEqual([])
})
