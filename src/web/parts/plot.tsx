import {useEffect, useRef} from 'preact/hooks'
import type {Plot as Drawn} from './plot-draw.js'

export interface Line {
  readonly name: string
  /** One value for each x; null where there is none. */
  readonly values: readonly (number | null)[]
  /** A custom property of the page's colours, `--series-1`. */
  readonly colour: string
  readonly style?: 'line' | 'bars' | 'dots'
}

export interface PlotData {
  /** Ascending. */
  readonly x: readonly number[]
  readonly lines: readonly Line[]
  /** How a value reads. */
  readonly format: (value: number) => string
  /** How a place on the x axis reads; `#12` unless told. */
  readonly formatX?: (x: number) => string
  /** Of the y axis; from the data when absent. */
  readonly range?: readonly [number, number]
}

/**
 * A plot with a sentence that says the same to whoever cannot see it. What draws is loaded when the first plot is shown,
 * so that figures and words are there before.
 */
export function Plot({data, sentence, height = 180}: {data: PlotData; sentence: string; height?: number}) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<Drawn>(undefined)
  const newest = useRef(data)
  newest.current = data
  useEffect(() => {
    let isGone = false
    void import('./plot-draw.js').then(({draw}) => {
      if (isGone || !place.current) return
      drawn.current = draw(place.current, newest.current, height)
    })
    return () => {
      isGone = true
      drawn.current?.destroy()
      drawn.current = undefined
    }
  }, [])
  useEffect(() => drawn.current?.update(data), [data])
  return (
    <figure class="plot">
      {/* The canvas cannot be read; the sentence is what is read instead. */}
      <div ref={place} style={{height: `${height}px`}} role="img" aria-label={sentence} />
      {data.lines.length > 1 && (
        <ul class="legend">
          {data.lines.map(({name, colour}) => (
            <li key={name}>
              <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
                <rect y="4" width="12" height="4" rx="2" style={{fill: `var(${colour})`}} />
              </svg>
              {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  )
}
