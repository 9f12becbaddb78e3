// Reads the error codes out of the source: what is thrown, with its message and its first hints, is what the README lists.
'use strict'

const fs = require('node:fs')
const path = require('node:path')

/** Codes that are put together where they are thrown, so that no literal says what they mean. */
const composed = {
  ADDRESS_UNAVAILABLE: [
    'config',
    'API_HOST is not an address of this machine',
    'an address of this machine, or 0.0.0.0',
  ],
  API_REFUSED: ['upstream', 'the API refuses a request', 'the message says why'],
  API_BUSY: ['upstream', 'the API asks to wait', 'later'],
  DISK_FULL: ['data', 'no room left on the disk', 'free some, or another LEOMA_DATA'],
  FILE_DENIED: ['config', 'a file or folder belongs to somebody else', 'its owner, or another LEOMA_DATA'],
  SUBMISSION_INVALID: ['usage', "the model's name, revision or chute would not be accepted", 'the message says what'],
  USAGE: ['usage', 'a flag is missing, unknown or malformed', 'the --help of the command'],
  UNEXPECTED: ['bug', 'anything that nobody foresaw', 'report it, with LOG_LEVEL=debug'],
  VERDICTS_REFUSED: ['upstream', 'the owner will not take these verdicts', 'the message says why; they are kept'],
}

const thrown = /\(\s*'(bug|usage|config|auth|chain|upstream|data|checks|interrupted)',\s*'([A-Z][A-Z0-9_]+)'/g

/** `[code, {kind, means, hints}]` of everything thrown below a folder, by code; `means` only where a literal says it. */
function errorCodes(folder) {
  const found = new Map()
  const files = fs.readdirSync(folder, {recursive: true, encoding: 'utf8'}).sort()
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const text = fs.readFileSync(path.join(folder, file), 'utf8')
    for (const match of text.matchAll(thrown)) {
      const [, kind, code] = match
      const call = argumentsFrom(text, match.index)
      const hints = /hints:\s*\[/.exec(call)
      const entry = {
        kind,
        means: literalAt(call.slice(match[0].length)),
        hints: hints ? literals(call.slice(hints.index + hints[0].length)) : [],
      }
      const before = found.get(code)
      if (!before || score(entry) > score(before)) found.set(code, entry)
    }
  }
  for (const [code, [kind, means, hint]] of Object.entries(composed)) found.set(code, {kind, means, hints: [hint]})
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
}

const score = ({means, hints}) => (means === undefined ? 0 : 1) + (hints.length > 0 ? 1 : 0)

/** The text between the bracket at `start` and the one that closes it; strings are passed over. */
function argumentsFrom(text, start) {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const letter = text[at]
    if (letter === "'" || letter === '"' || letter === '`') at = endOfLiteral(text, at)
    else if (letter === '(') depth++
    else if (letter === ')' && --depth === 0) return text.slice(start, at)
  }
  return text.slice(start)
}

/** Index of the quote that closes the one at `start`; what stands in `${…}` belongs to the literal. */
function endOfLiteral(text, start) {
  const quote = text[start]
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (quote === '`' && text[at] === '$' && text[at + 1] === '{') at = endOfExpression(text, at + 2)
    else if (text[at] === quote) return at
  }
  return text.length
}

function endOfExpression(text, start) {
  let depth = 1
  for (let at = start; at < text.length; at++) {
    const letter = text[at]
    if (letter === "'" || letter === '"' || letter === '`') at = endOfLiteral(text, at)
    else if (letter === '{') depth++
    else if (letter === '}' && --depth === 0) return at
  }
  return text.length
}

/** The literal that is the next argument, with `…` for what is only known when it is thrown. */
function literalAt(text) {
  const start = /^,\s*(?=['"`])/.exec(text)
  if (!start) return undefined
  return plain(text.slice(start[0].length))
}

function plain(text) {
  const end = endOfLiteral(text, 0)
  let said = ''
  for (let at = 1; at < end; at++) {
    if (text[at] === '\\') said += text[++at]
    else if (text[0] === '`' && text[at] === '$' && text[at + 1] === '{') {
      at = endOfExpression(text, at + 2)
      said += '…'
    } else said += text[at]
  }
  return said
}

/** The literals of a list, up to its end. */
function literals(text) {
  const found = []
  for (let at = 0; at < text.length && text[at] !== ']'; at++) {
    if (!["'", '"', '`'].includes(text[at])) continue
    found.push(plain(text.slice(at)))
    at = endOfLiteral(text, at)
  }
  return found
}

module.exports = {composed, errorCodes}
