#!/usr/bin/env node
// CommonJS and old syntax up to the guard, see there.
'use strict'

require('./guard.cjs').guard()

const path = require('node:path')
const root = path.join(__dirname, '..')
const args = process.argv.slice(2)

if (args.length === 1 && args[0] === '--version') {
  // oclif's own line, without loading oclif: scripts ask for the version often.
  const {name, version} = require('../package.json')
  process.stdout.write(`${name}/${version} ${process.platform}-${process.arch} node-${process.version}\n`)
} else if (!require('node:fs').existsSync(path.join(root, 'dist'))) {
  process.stderr.write('leoma is not built yet: run `npm run build` (or `npm run dev -- …` to run from source).\n')
  process.exitCode = 1
} else {
  // Compiled code of the last start, kept in the system's temporary folder.
  require('node:module').enableCompileCache()
  // oclif would otherwise look for TypeScript beside dist and for a newer linked version of itself.
  process.env.NODE_ENV = process.env.NODE_ENV || 'production'
  import('@oclif/core').then(({execute}) => execute({dir: root}))
}
