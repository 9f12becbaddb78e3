import {pauseMs} from './back-off.js'
import {after, every, now} from './clock.js'

/** What the server says has changed: topics of its store, `block`, or everything after an absence. */
export type Changed = ReadonlySet<string> | 'all'

export interface LiveState {
  readonly isLive: boolean
  /** When the next try comes, in milliseconds since 1970; undefined while connected or trying. */
  readonly retryAt: number | undefined
  /** Newest block that was told; null before the first. */
  readonly block: number | null
  /** When anything was last heard. */
  readonly heardAt: number | undefined
}

/** Three heartbeats without a word: the connection is dead, whatever the browser believes. */
const silenceMs = 50_000
/** While it cannot be told, the page asks. */
const pollMs = 30_000

/** Listens to the server's events while the page is looked at; comes back by itself, ever more slowly. */
export class Live {
  #state: LiveState = {isLive: false, retryAt: undefined, block: null, heardAt: undefined}
  #source: EventSource | undefined
  #attempt = 0
  #cancelRetry: (() => void) | undefined
  readonly #onState: (state: LiveState) => void
  readonly #onChange: (changed: Changed) => void

  constructor(onState: (state: LiveState) => void, onChange: (changed: Changed) => void) {
    this.#onState = onState
    this.#onChange = onChange
  }

  start(): void {
    document.addEventListener('visibilitychange', () => this.#followSight())
    window.addEventListener('online', () => this.#open())
    every(5_000, () => {
      const {heardAt, isLive} = this.#state
      if (isLive && heardAt !== undefined && now() - heardAt > silenceMs) this.#lost()
    })
    every(pollMs, () => {
      if (!this.#state.isLive && document.visibilityState === 'visible') this.#onChange('all')
    })
    this.#open()
  }

  /** A page that nobody looks at holds no connection. */
  #followSight(): void {
    if (document.visibilityState === 'visible') {
      this.#attempt = 0
      this.#open()
      this.#onChange('all')
    } else {
      this.#close()
    }
  }

  #open(): void {
    this.#close()
    const source = new EventSource('events')
    this.#source = source
    source.addEventListener('hello', (event) => {
      // What happened since the last word is unknown.
      if (this.#state.heardAt !== undefined) this.#onChange('all')
      this.#attempt = 0
      this.#heard(event.data)
    })
    source.addEventListener('beat', (event) => this.#heard(event.data))
    source.addEventListener('change', (event) => {
      const {topics} = this.#heard(event.data)
      this.#onChange(new Set(topics))
    })
    // The browser's own retry knows no back-off.
    source.addEventListener('error', () => this.#lost())
  }

  #heard(text: string): {topics: string[]} {
    const {block = null, topics = []} = JSON.parse(text) as {block?: number | null; topics?: string[]} // Our own server's.
    this.#set({isLive: true, retryAt: undefined, block: block ?? this.#state.block, heardAt: now()})
    return {topics}
  }

  #lost(): void {
    this.#close()
    const pause = pauseMs(this.#attempt++, Math.random())
    this.#cancelRetry = after(pause, () => this.#open())
    const wasLive = this.#state.isLive
    this.#set({...this.#state, isLive: false, retryAt: now() + pause})
    // Asking tells at once whether only the events have stopped or nothing answers any more.
    if (wasLive) this.#onChange('all')
  }

  #close(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#source?.close()
    this.#source = undefined
  }

  #set(state: LiveState): void {
    this.#state = state
    this.#onState(state)
  }
}
