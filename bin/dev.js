#!/usr/bin/env node
// Runs from source: tsx compiles what is imported, and oclif is shown src in the place of dist. oclif's own way to find
// the sources reads tsconfig.json through a programming interface that TypeScript 7 does not have, and then runs dist
// without a word. The manifest is ignored, so that a new command is seen at once.
'use strict'

require('./guard.cjs').guard()

const path = require('node:path')
const pjson = require('../package.json')

const fromSource = (place) => place.replace('./dist/', './src/')
const {commands, hooks, ...rest} = pjson.oclif
const oclif = {
  ...rest,
  commands: fromSource(commands),
  hooks: Object.fromEntries(Object.entries(hooks).map(([event, place]) => [event, `${fromSource(place)}.ts`])),
}

async function main() {
  const {register} = await import('tsx/esm/api')
  register()
  const {execute, settings} = await import('@oclif/core')
  settings.enableAutoTranspile = false
  const root = path.join(__dirname, '..')
  await execute({dir: root, loadOptions: {root, ignoreManifest: true, pjson: {...pjson, oclif}}})
}

main()
