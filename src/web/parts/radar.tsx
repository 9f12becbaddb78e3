import {capital, words} from '../format.js'

export interface RadarShape {
  readonly name: string
  readonly tone: 'own' | 'other'
  /** Aspect to 0..100. */
  readonly values: Readonly<Record<string, number>>
}

const size = 260
const centre = size / 2
const radius = 86

/** Where a value of 0..1 on axis `index` of `count` lies; the first axis points up. */
export function radarPoint(index: number, count: number, value: number): readonly [x: number, y: number] {
  const angle = (2 * Math.PI * index) / count - Math.PI / 2
  return [centre + radius * value * Math.cos(angle), centre + radius * value * Math.sin(angle)]
}

/** Aspects of one or two miners around a circle, and the same figures as a table beside it for reading. */
/** The table beside it has the whole name. */
const cut = (name: string) => (name.length > 16 ? `${name.slice(0, 14)}…` : name)

export function Radar({shapes}: {shapes: readonly RadarShape[]}) {
  const aspects = [...new Set(shapes.flatMap(({values}) => Object.keys(values)))]
  if (aspects.length < 3) return <p class="quiet">No verdict has scored it yet.</p>
  const outline = (values: Readonly<Record<string, number>>) =>
    aspects
      .map((aspect, index) =>
        radarPoint(index, aspects.length, (values[aspect] ?? 0) / 100)
          .map((v) => v.toFixed(1))
          .join(','),
      )
      .join(' ')
  return (
    <div class="radar">
      <svg viewBox={`-40 0 ${size + 80} ${size}`} aria-hidden="true">
        {[0.25, 0.5, 0.75, 1].map((ring) => (
          <polygon
            key={ring}
            class="ring"
            points={aspects.map((_, index) => radarPoint(index, aspects.length, ring).join(',')).join(' ')}
          />
        ))}
        {shapes.toReversed().map(({name, tone, values}) => (
          <polygon key={name} class={`shape ${tone}`} points={outline(values)} />
        ))}
        {aspects.map((aspect, index) => {
          const [x, y] = radarPoint(index, aspects.length, 1.16)
          const anchor = Math.abs(x - centre) < 8 ? 'middle' : x > centre ? 'start' : 'end'
          const [head = '', ...rest] = words(aspect).split(' ')
          return (
            <text key={aspect} x={x} y={y} text-anchor={anchor}>
              <tspan x={x}>{cut(head)}</tspan>
              {rest.length > 0 && (
                <tspan x={x} dy="12">
                  {cut(rest.join(' '))}
                </tspan>
              )}
            </text>
          )
        })}
      </svg>
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">Aspect</th>
            {shapes.map(({name, tone}) => (
              <th scope="col" key={name} class={`number ${tone}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {aspects.map((aspect) => (
            <tr key={aspect}>
              <th scope="row">{capital(words(aspect))}</th>
              {shapes.map(({name, values}) => (
                <td key={name} class="number">
                  {values[aspect] === undefined ? '–' : Math.round(values[aspect])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
