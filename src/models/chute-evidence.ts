import {sha256} from '../domain/canonical.js'
import {readChute} from './chute-template.js'
import type {CodeEvidence} from './port.js'

const maxNamed = 100

/** What the text of a chute's module says about the model that it serves. */
export function codeEvidence(code: string): CodeEvidence {
  const settings = readChute(code) ?? null
  return {
    sha256: sha256(code),
    template: settings && {
      modelName: settings.modelName,
      modelRevision: settings.modelRevision,
      image: settings.image,
    },
    repositories: named(code, /(?<![\w./-])[\w.-]{1,96}\/[\w.-]{1,96}(?![\w./-])/g),
    revisions: named(code, /(?<![0-9a-zA-Z])[0-9a-f]{40}(?![0-9a-zA-Z])/g),
  }
}

function named(code: string, pattern: RegExp): string[] {
  const found = new Set<string>()
  for (const [text] of code.matchAll(pattern)) {
    found.add(text)
    if (found.size >= maxNamed) break
  }
  return [...found]
}
