/** A stranger's text as one line of at most `max` characters: no control or formatting characters, no half characters. */
export function plainLine(text: string, max: number): string {
  const line = text
    .slice(0, 4 * max)
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
  return line.length <= max ? line : `${line.slice(0, max - 1).toWellFormed()}…`
}
