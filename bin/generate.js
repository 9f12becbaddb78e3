// Writes what follows from the source: oclif.manifest.json, env.example and the tables of README.md.
// `--check` writes nothing; it names what is stale and exits 1.
'use strict'

require('./guard.cjs').guard()

const fs = require('node:fs')
const path = require('node:path')
const {errorCodes} = require('./error-codes.js')

const root = path.join(__dirname, '..')
const read = (file) => fs.readFileSync(path.join(root, file), 'utf8')

/** Commands as oclif caches them: read from source, but with the paths that they will have in dist. */
async function loadManifest() {
  const {Plugin} = await import('@oclif/core/config')
  const pjson = JSON.parse(read('package.json'))
  pjson.oclif.commands = './src/commands'
  const plugin = new Plugin({root, pjson, isRoot: true, ignoreManifest: true, errorOnManifestCreate: true})
  await plugin.load()
  const commands = Object.entries(plugin.manifest.commands).sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [, command] of commands) {
    command.relativePath = command.relativePath.map((part) => part.replace(/^src$/, 'dist').replace(/\.ts$/, '.js'))
  }
  return {commands: Object.fromEntries(commands), version: plugin.manifest.version}
}

/** Variables in the order of the table, grouped by who reads them: everybody first. */
function groups({variables}) {
  const byRoles = new Map()
  for (const [name, variable] of Object.entries(variables)) {
    const who = variable.roles === 'all' ? 'every command' : variable.roles.join(', ')
    byRoles.set(who, [...(byRoles.get(who) ?? []), [name, variable]])
  }
  return [...byRoles]
}

function envExample(config) {
  const lines = [
    '# Copy to .env and change what you need; a line that stays commented out has the value shown.',
    '# A flag wins over the environment, the environment over .env, .env over the default. Empty counts as unset.',
  ]
  for (const [who, entries] of groups(config)) {
    lines.push('', `# --- ${who} ---`)
    for (const [name, {about, default: standard, defaultNote, secret}] of entries) {
      lines.push('', `# ${about}${secret ? ' (secret)' : ''}`)
      if (defaultNote) lines.push(`# default: ${defaultNote}`)
      lines.push(`# ${name}=${standard ?? ''}`)
    }
  }
  return `${lines.join('\n')}\n`
}

const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('<', '\\<')
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')

function variableTable(config) {
  return table(
    ['Variable', 'Meaning', 'Default', 'Read by'],
    groups(config).flatMap(([who, entries]) =>
      entries.map(([name, {about, default: standard, defaultNote, secret}]) => [
        `\`${name}\``,
        secret ? `${about} (secret)` : about,
        standard === undefined ? (defaultNote ?? '') : `\`${standard}\``,
        who,
      ]),
    ),
  )
}

function commandTable(manifest) {
  return table(
    ['Command', 'Does'],
    Object.values(manifest.commands)
      .filter(({hidden}) => !hidden)
      .map(({id, flags, args, summary}) => {
        const options = Object.values(flags)
          .filter(({name, hidden}) => name !== 'json' && !hidden)
          .sort((a, b) => Number(b.required ?? false) - Number(a.required ?? false))
          .map(({name, type, required, helpValue}) => {
            const text = type === 'option' ? `--${name} ${helpValue ?? '<value>'}` : `--${name}`
            return required ? text : `[${text}]`
          })
        const words = Object.values(args).map(({name, required}) => (required ? `<${name}>` : `[${name}]`))
        return [`\`${['leoma', ...id.split(':'), ...words, ...options].join(' ')}\``.replaceAll('<', '‹'), summary]
      }),
  ).replaceAll('‹', '<')
}

const whoActs = {
  bug: 'somebody has to repair leoma',
  usage: 'change what you typed',
  config: 'change the configuration',
  auth: 'use another wallet or hotkey, or register it',
  chain: 'nobody at first: the chain may answer later',
  upstream: 'nobody at first: the other service may answer later',
  data: 'look at what is stored: a restart does not help',
  checks: 'the checks ran, and something is wrong',
  interrupted: 'you stopped it',
}

function exitTable({exitCodes}) {
  const rows = Object.entries(exitCodes).map(([kind, code]) => [`${code}`, `\`${kind}\``, whoActs[kind]])
  return table(['Exit code', 'Kind', 'Who must act'], [['0', '', 'nobody: done, or stopped on request'], ...rows])
}

/** `code | exit | what it says | what to try`: a reader searches for the message or the code. */
function errorTable({exitCodes}) {
  const rows = errorCodes(path.join(root, 'src')).map(([code, {kind, means, hints}]) => [
    `\`${code}\``,
    `${exitCodes[kind]}`,
    means ?? 'the message says what happened',
    hints.slice(0, 2).join('; '),
  ])
  return table(['Code', 'Exit', 'Says', 'Try'], rows)
}

/** Replaces what stands between `<!-- generated: NAME -->` and `<!-- end -->`. */
function fill(text, name, content) {
  const start = `<!-- generated: ${name} -->`
  const from = text.indexOf(start)
  const to = text.indexOf('<!-- end -->', from)
  if (from < 0 || to < 0) throw new Error(`README.md has no place for ${name}`)
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`
}

async function main(isCheck) {
  const {register} = await import('tsx/esm/api')
  register()
  const config = await import('../src/config/variables.ts')
  const errors = await import('../src/errors.ts')
  const manifest = await loadManifest()

  let readme = read('README.md')
  readme = fill(readme, 'variables', variableTable(config))
  readme = fill(readme, 'commands', commandTable(manifest))
  readme = fill(readme, 'exit codes', exitTable(errors))
  readme = fill(readme, 'error codes', errorTable(errors))
  const files = {
    'oclif.manifest.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'env.example': envExample(config),
    'README.md': readme,
  }

  const stale = Object.entries(files).filter(
    ([file, text]) => !fs.existsSync(path.join(root, file)) || read(file) !== text,
  )
  if (!isCheck) for (const [file, text] of stale) fs.writeFileSync(path.join(root, file), text)
  for (const [file] of stale) console.error(isCheck ? `${file} is stale: npm run generate` : `${file} written`)
  if (isCheck && stale.length > 0) process.exitCode = 1
}

main(process.argv.includes('--check')).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
