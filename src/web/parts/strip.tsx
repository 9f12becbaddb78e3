import {plural} from '../format.js'

/** What each letter of an outcomes text stands for; the height says it again for whoever sees no colours. */
const kinds = {
  p: {name: 'passed', height: 1},
  f: {name: 'failed', height: 0.55},
  r: {name: 'rejected', height: 0.35},
  m: {name: 'missed', height: 0.16},
  u: {name: 'not judged', height: 0.16},
  '-': {name: 'not asked', height: 0.08},
} as const
type Letter = keyof typeof kinds

/** The words of the strip, and of its legend. */
export const stripKinds = Object.entries(kinds).map(([letter, {name}]) => ({
  letter: letter as Letter,
  name,
  tone: letter === '-' ? 'k-x' : `k-${letter}`,
}))

export function stripSentence(letters: string): string {
  const counts = stripKinds.map(({letter, name}) => [name, letters.split(letter).length - 1] as const)
  const said = counts.filter(([, number]) => number > 0).map(([name, number]) => `${number} ${name}`)
  return said.length === 0
    ? 'asked in none of the last tasks'
    : `last ${plural(letters.length, 'task')}: ${said.join(', ')}`
}

/** A miner's last tasks, oldest first, a bar each. One path per kind: a table of all miners holds hundreds of these. */
export function Strip({letters, height = 20}: {letters: string; height?: number}) {
  const step = 4
  const width = Math.max(1, letters.length) * step
  const path = (wanted: Letter) => {
    const tall = Math.max(1, kinds[wanted].height * height)
    let d = ''
    for (let index = 0; index < letters.length; index++)
      if (letters[index] === wanted) d += `M${index * step} ${height - tall}h3v${tall}h-3z`
    return d
  }
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      role="img"
    >
      <title>{stripSentence(letters)}</title>
      {stripKinds.map(({letter, tone}) => {
        const d = path(letter)
        return d === '' ? null : <path key={letter} class={tone} d={d} />
      })}
    </svg>
  )
}

export function StripLegend() {
  return (
    <ul class="legend" aria-label="What the bars mean">
      {stripKinds.map(({letter, name, tone}) => (
        <li key={letter}>
          <svg viewBox="0 0 10 12" width="10" height="12" aria-hidden="true">
            <rect
              class={tone}
              x="2"
              y={12 - Math.max(2, 12 * kinds[letter].height)}
              width="6"
              height={Math.max(2, 12 * kinds[letter].height)}
            />
          </svg>
          {name}
        </li>
      ))}
    </ul>
  )
}
