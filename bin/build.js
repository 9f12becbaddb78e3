// Compiles src to dist, copies what is no TypeScript beside it, and bundles the dashboard into dist/web.
'use strict'

require('./guard.cjs').guard()

const {spawnSync} = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const [src, dist] = [path.join(root, 'src'), path.join(root, 'dist')]

/** When anything that the program is made of was last changed. */
function newest(folder) {
  const files = fs.readdirSync(folder, {recursive: true}).map((file) => path.join(folder, file))
  const all = [folder, ...files, __filename, path.join(root, 'tsconfig.json'), path.join(root, 'package.json')]
  return Math.max(...all.map((file) => fs.statSync(file).mtimeMs))
}

// npm prepares a clone more often than it changes: npx does so before its first run there.
const isFresh = () => fs.existsSync(dist) && fs.statSync(dist).mtimeMs > newest(src)
if (process.argv.includes('--if-stale') && isFresh()) process.exit(0)

const startedAt = new Date()
// A folder beside it takes the new files first: a failed compilation leaves the old program whole.
const fresh = `${dist}.${process.pid}.tmp`
fs.rmSync(fresh, {recursive: true, force: true})

const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const {status} = spawnSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.json'), '--outDir', fresh], {
  stdio: 'inherit',
})
if (status !== 0) {
  fs.rmSync(fresh, {recursive: true, force: true})
  process.exit(status || 1)
}

const web = path.join(src, 'web')
fs.cpSync(src, fresh, {
  recursive: true,
  filter: (from) => from !== web && (fs.statSync(from).isDirectory() || !/\.(ts|md)$/.test(from)),
})
try {
  require('./build-web.js').buildWeb(web, path.join(fresh, 'web'))
} catch (error) {
  fs.rmSync(fresh, {recursive: true, force: true})
  console.error(error.message)
  process.exit(1)
}

// Two renames: a leoma that is starting meanwhile finds the old program or the new one.
const old = `${fresh}.old`
if (fs.existsSync(dist)) fs.renameSync(dist, old)
fs.renameSync(fresh, dist)
// What was changed while the compiler ran is newer than this, and makes the program stale.
fs.utimesSync(dist, new Date(), startedAt)
fs.rmSync(old, {recursive: true, force: true})
