// Compiles src to dist, and copies what is no TypeScript (the dashboard's files, SQL) beside it.
'use strict'

require('./guard.cjs').guard()

const {spawnSync} = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const [src, dist] = [path.join(root, 'src'), path.join(root, 'dist')]

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

fs.cpSync(src, fresh, {
  recursive: true,
  filter: (from) => fs.statSync(from).isDirectory() || !/\.(ts|md)$/.test(from),
})

// Two renames: a leoma that is starting meanwhile finds the old program or the new one.
const old = `${fresh}.old`
if (fs.existsSync(dist)) fs.renameSync(dist, old)
fs.renameSync(fresh, dist)
fs.rmSync(old, {recursive: true, force: true})
