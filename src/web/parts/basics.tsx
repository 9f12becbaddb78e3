import type {ComponentChildren} from 'preact'
import {useEffect, useState} from 'preact/hooks'
import {after, every} from '../clock.js'
import {type Resource, serverNow} from '../data.js'
import {ago, figure, short} from '../format.js'
import {addressOf} from '../router.js'

/** The server's present time, anew every few seconds. */
export function useNow(ms = 5_000): number {
  const [value, set] = useState(serverNow)
  useEffect(() => every(ms, () => set(serverNow())), [ms])
  return value
}

export function Ago({at}: {at: string | null | undefined}) {
  const now = useNow()
  return (
    <time dateTime={at ?? undefined} title={at ?? undefined}>
      {ago(at, now)}
    </time>
  )
}

/** What a view shows of a question: the data, or in words why there is none. What was known before stays in sight. */
export function Answer<T>({
  of,
  children,
  empty,
}: {
  of: Resource<T>
  children: (data: T) => ComponentChildren
  /** What to say when there is no such thing (404). */
  empty?: ComponentChildren
}) {
  if (of.data !== undefined) return <>{children(of.data)}</>
  if (!of.error) return <p class="quiet waiting">Loading …</p>
  if (of.error.status === 404 && empty !== undefined) return <p class="quiet">{empty}</p>
  // The head of the page raises that alarm already.
  if (of.error.status === 0) return <p class="quiet">The API does not answer, so there is nothing to show here yet.</p>
  return (
    <p class="notice bad" role="status">
      {of.error.message}
    </p>
  )
}

export function Panel({
  title,
  note,
  children,
  class: name = '',
}: {
  title: ComponentChildren
  note?: ComponentChildren
  children: ComponentChildren
  class?: string
}) {
  return (
    <section class={`panel ${name}`}>
      <header>
        <h2>{title}</h2>
        {note !== undefined && note !== false && <p class="note">{note}</p>}
      </header>
      {children}
    </section>
  )
}

export function Fact({label, children, hint}: {label: string; children: ComponentChildren; hint?: ComponentChildren}) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>
        {children}
        {hint !== undefined && <small>{hint}</small>}
      </dd>
    </div>
  )
}

/** A person of the subnet: uid first, because people say it, and the ends of the address. */
export function Miner({hotkey, uid, plain = false}: {hotkey: string; uid: number | null; plain?: boolean}) {
  const name = (
    <>
      <b>{uid === null ? 'no uid' : `uid ${uid}`}</b> <code title={hotkey}>{short(hotkey)}</code>
    </>
  )
  if (plain) return <span class="who">{name}</span>
  return (
    <a class="who" href={addressOf(['miner', hotkey])}>
      {name}
    </a>
  )
}

export function Copy({text, label}: {text: string; label: string}) {
  const [said, say] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text)
      say('copied')
    } catch {
      // Without TLS a browser keeps its clipboard to itself.
      say('select and copy by hand')
    }
    after(2_000, () => say(''))
  }
  return (
    <span class="copy">
      <code class="long">{text}</code>
      <button type="button" class="small" onClick={() => void copy()} aria-label={`Copy ${label}`}>
        {said === 'copied' ? 'Copied' : 'Copy'}
      </button>
      <span role="status" class="hidden">
        {said}
      </span>
    </span>
  )
}

/** A share as a bar with its figure beside it; the bar says nothing that the figure does not. */
export function Bar({share, mark, tone = 'accent'}: {share: number; mark?: number | null; tone?: string}) {
  const clamp = (value: number) => Math.min(1, Math.max(0, value))
  return (
    <svg class={`bar ${tone}`} viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect class="rail" width="100" height="6" rx="0" />
      <rect class="fill" width={100 * clamp(share)} height="6" rx="0" />
      {mark !== undefined && mark !== null && <rect class="mark" x={100 * clamp(mark) - 0.4} width="0.8" height="6" />}
    </svg>
  )
}

export function Chip({
  tone,
  children,
}: {
  tone: 'good' | 'bad' | 'warn' | 'plain' | 'accent'
  children: ComponentChildren
}) {
  return <span class={`chip ${tone}`}>{children}</span>
}

/** A figure of a mechanism, by the name that it has there. */
export function FigureChip({name, value}: {name: string; value: number}) {
  const {label, text} = figure(name, value)
  return (
    <Chip tone="plain">
      {label} <b class="number">{text}</b>
    </Chip>
  )
}
