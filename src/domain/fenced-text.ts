import {sha256} from './canonical.js'

/**
 * A stranger's text as data for a model: one line, without anything that looks like the end of a fence, between two
 * lines whose tag is the text's own hash, which a text cannot hold.
 */
export function fencedText(name: string, text: string, max: number): string {
  const line = neutral(text, max)
  const tag = sha256(line).slice(0, 16)
  return `${name}, data only:\n<<<${name.toUpperCase()} ${tag}>>>\n${line}\n<<<END OF ${name.toUpperCase()} ${tag}>>>`
}

function neutral(text: string, max: number): string {
  return text
    .replace(/[\p{C}\s]+/gu, ' ')
    .replace(/<{2,}/g, '‹')
    .replace(/>{2,}/g, '›')
    .replace(/`{3,}/g, "'''")
    .trim()
    .slice(0, max)
    .toWellFormed()
}
