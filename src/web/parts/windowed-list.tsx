import type {ComponentChildren} from 'preact'
import {useLayoutEffect, useReducer, useRef} from 'preact/hooks'
import {rowsInSight} from '../windowed.js'

/** Drawn beyond the sight on both sides, so that a flick of the wheel or a Tab finds rows there. */
const marginPx = 600

export interface WindowedListProps<T> {
  readonly rows: readonly T[]
  readonly keyOf: (row: T) => string
  readonly classOf?: (row: T) => string
  readonly children: (row: T) => ComponentChildren
  /** Height of a row that was never drawn, in pixels; corrected by those that were. */
  readonly guess: number
  readonly class: string
}

/**
 * A list in which only the rows near the sight exist. Heights are measured as rows are drawn, the browser's own scroll
 * anchoring evens out what was guessed wrongly, and readers are told how long the list is.
 */
export function WindowedList<T>({rows, keyOf, classOf, children, guess, class: name}: WindowedListProps<T>) {
  const list = useRef<HTMLUListElement>(null)
  const measured = useRef(new Map<string, number>())
  const focused = useRef<string>(undefined)
  const [, redraw] = useReducer((turn: number) => turn + 1, 0)
  const keys = rows.map(keyOf)
  const known = [...measured.current.values()]
  const usual = known.length === 0 ? guess : known.reduce((sum, height) => sum + height, 0) / known.length
  const heights = keys.map((key) => measured.current.get(key) ?? usual)
  const kept = focused.current === undefined ? -1 : keys.indexOf(focused.current)
  const look = () =>
    rowsInSight(heights, placeOf(list.current), {margin: marginPx, kept: kept === -1 ? undefined : kept})
  const {shown, gaps, rest} = look()
  const drawn = useRef(shown)
  drawn.current = shown
  const newestLook = useRef(look)
  newestLook.current = look

  useLayoutEffect(() => {
    let isNew = false
    for (const row of list.current?.children ?? []) {
      const {key} = (row as HTMLElement).dataset // What is drawn below.
      const {offsetHeight} = row as HTMLElement
      if (key === undefined || offsetHeight === 0 || measured.current.get(key) === offsetHeight) continue
      measured.current.set(key, offsetHeight)
      isNew = true
    }
    if (isNew && !isSame(newestLook.current().shown, drawn.current)) redraw(undefined)
  })
  useLayoutEffect(() => {
    let frame: number | undefined
    let {innerWidth} = window
    const follow = () => {
      frame = undefined
      if (!isSame(newestLook.current().shown, drawn.current)) redraw(undefined)
    }
    const moved = () => {
      frame ??= requestAnimationFrame(follow)
    }
    const resized = () => {
      // Other widths break lines elsewhere.
      if (innerWidth !== window.innerWidth) measured.current.clear()
      ;({innerWidth} = window)
      moved()
    }
    addEventListener('scroll', moved, {passive: true})
    addEventListener('resize', resized)
    return () => {
      removeEventListener('scroll', moved)
      removeEventListener('resize', resized)
      if (frame !== undefined) cancelAnimationFrame(frame)
    }
  }, [])

  return (
    <ul
      ref={list}
      class={name}
      style={{paddingBottom: `${rest}px`}}
      onFocusIn={({target}) => {
        focused.current = target instanceof Element ? target.closest<HTMLElement>('[data-key]')?.dataset.key : undefined
      }}
      onFocusOut={() => {
        focused.current = undefined
      }}
    >
      {shown.map((index, place) => {
        const row = rows[index]
        if (row === undefined) return null
        return (
          <li
            key={keys[index]}
            data-key={keys[index]}
            class={classOf?.(row) ?? ''}
            aria-setsize={rows.length}
            aria-posinset={index + 1}
            style={{marginTop: `${gaps[place]}px`}}
          >
            {children(row)}
          </li>
        )
      })}
    </ul>
  )
}

function placeOf(list: HTMLElement | null) {
  return {top: -(list?.getBoundingClientRect().top ?? 0), height: innerHeight}
}

const isSame = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((value, index) => value === b[index])
