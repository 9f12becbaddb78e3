import {useEffect, useState} from 'preact/hooks'
import type {PlayState, Together} from './player.js'

const frameS = 1 / 16
const rates = [0.25, 0.5, 1] as const

/** One set of buttons for all videos; the same by keyboard while nothing is being typed. */
export function Controls({player, state}: {player: Together; state: PlayState}) {
  const [rate, setRate] = useState<number>(1)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const isUsed =
        event.target instanceof Element &&
        event.target.closest('input, select, textarea, button, a, summary, [tabindex="0"]')
      if (isUsed || event.ctrlKey || event.metaKey || event.altKey) return
      const actions: Readonly<Record<string, () => void>> = {
        ' ': () => player.toggle(),
        ArrowLeft: () => player.step(-frameS),
        ArrowRight: () => player.step(frameS),
      }
      const action = actions[event.key]
      if (!action) return
      event.preventDefault()
      action()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [player])
  const isReady = state.length > 0
  return (
    <fieldset class="player" disabled={!isReady}>
      <legend class="hidden">All videos together</legend>
      <button type="button" class="play" onClick={() => player.toggle()}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path
            d={
              state.isPlaying
                ? 'M3 2h3.5v12H3zM9.5 2H13v12H9.5z'
                : 'M3.5 1.8v12.4a.6.6 0 0 0 .9.5l10-6.2a.6.6 0 0 0 0-1L4.4 1.3a.6.6 0 0 0-.9.5z'
            }
          />
        </svg>
        {state.isPlaying ? 'Pause all' : 'Play all'}
      </button>
      <button type="button" class="small" onClick={() => player.step(-frameS)} aria-label="One frame back">
        ‹
      </button>
      <input
        type="range"
        min={0}
        max={state.length}
        step={0.01}
        value={state.at}
        aria-label="Moment of all videos"
        aria-valuetext={`${state.at.toFixed(1)} of ${state.length.toFixed(1)} seconds`}
        onInput={({currentTarget}) => player.seek(Number(currentTarget.value))}
      />
      <button type="button" class="small" onClick={() => player.step(frameS)} aria-label="One frame on">
        ›
      </button>
      <output class="number">
        {state.at.toFixed(2)} / {state.length.toFixed(2)} s
      </output>
      <span class="choice small">
        {rates.map((value) => (
          <label key={value}>
            <input
              type="radio"
              name="rate"
              checked={rate === value}
              onChange={() => {
                setRate(value)
                player.setRate(value)
              }}
            />
            <span>{value} ×</span>
          </label>
        ))}
      </span>
    </fieldset>
  )
}
