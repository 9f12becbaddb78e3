// Old syntax and no imports, so that every Node can read it: it is there to tell old ones what to do. On Node 20 the
// program would otherwise die in a dependency, in one case (better-sqlite3) by segmentation fault without a word.
'use strict'

var lowest = [22, 19]

/** What to tell the owner of this version of Node; undefined when it is new enough. */
function complaint(version, hasLocalNode) {
  var parts = version.split('.').map(Number)
  if (parts[0] > lowest[0] || (parts[0] === lowest[0] && parts[1] >= lowest[1])) return undefined
  return (
    'leoma needs Node ' +
    lowest.join('.') +
    ' or newer; this is ' +
    version +
    '. ' +
    (hasLocalNode
      ? 'This folder has a newer one: start leoma with `npx leoma` or `npm start`, which use it.'
      : 'In a clone, `npm rebuild node` fetches Node 24 into node_modules, and `npm run` and `npx` then use it.')
  )
}

/** Ends the process with one line when this Node is too old. */
function guard(version) {
  // biome-ignore lint/style/useNodejsImportProtocol: Node before 14.18 does not know it
  var fs = require('fs')
  // biome-ignore lint/style/useNodejsImportProtocol: as above
  var path = require('path')
  var local = path.join(__dirname, '..', 'node_modules', '.bin', 'node')
  var problem = complaint(version || process.versions.node, fs.existsSync(local))
  if (problem === undefined) return
  console.error(problem)
  process.exit(1)
}

module.exports = {complaint: complaint, guard: guard}

if (require.main === module) guard()
