#!/usr/bin/env node
// Runs from source: oclif registers tsx and reads src. The manifest is ignored, so that a new command is seen at once.
'use strict'

require('./guard.cjs').guard()

const path = require('node:path')

import('@oclif/core').then(({execute}) =>
  execute({development: true, dir: path.join(__dirname, '..'), loadOptions: {ignoreManifest: true}}),
)
