import {useEffect, useState} from 'preact/hooks'
import {now} from './clock.js'
import type {Changed} from './live.js'

/** What the API said last, kept while the page lives: a view that is come back to is there at once. */
export interface Resource<T> {
  readonly data: T | undefined
  /** Why the newest question got no answer; the data, if any, is from before. */
  readonly error: Failure | undefined
  /** When the data came. */
  readonly at: number | undefined
}

export class Failure extends Error {
  /** HTTP status; 0 when nothing answered. */
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Entry {
  resource: Resource<unknown>
  readonly topics: readonly string[]
  readonly watchers: Set<(resource: Resource<unknown>) => void>
  loading: Promise<void> | undefined
  /** Something changed while it was being loaded. */
  isStale: boolean
}

const entries = new Map<string, Entry>()
const maxEntries = 200
const timeoutMs = 20_000

/** Differs from the server's clock by what its last answer said, so that `3 s ago` means the server's seconds. */
let clockOffsetMs = 0
export const serverNow = () => now() + clockOffsetMs

export async function ask<T>(path: string): Promise<T> {
  let response: Response
  try {
    response = await fetch(path, {
      cache: 'no-cache',
      signal: AbortSignal.timeout(timeoutMs),
      headers: {accept: 'application/json'},
    })
  } catch {
    throw new Failure(0, 'the API does not answer')
  }
  const date = Date.parse(response.headers.get('date') ?? '')
  if (!Number.isNaN(date) && Math.abs(date - now()) > 2_000) clockOffsetMs = date - now()
  else if (!Number.isNaN(date)) clockOffsetMs = 0
  if (!response.ok) {
    const {detail} = (await response.json().catch(() => ({}))) as {detail?: unknown} // Published error body.
    throw new Failure(response.status, typeof detail === 'string' ? detail : `the API answered ${response.status}`)
  }
  try {
    return (await response.json()) as T // The server's schema, which its tests hold it to.
  } catch {
    throw new Failure(0, 'the API did not answer with JSON')
  }
}

/** Asks again whatever is shown and has changed. */
export function refresh(changed: Changed): void {
  for (const [path, entry] of entries) {
    const isConcerned = changed === 'all' || entry.topics.some((topic) => changed.has(topic))
    if (!isConcerned) continue
    if (entry.watchers.size > 0) void load(path, entry)
    else entries.delete(path)
  }
}

/** The answer of a route, asked for again when one of `topics` changes; nothing is asked while `path` is undefined. */
export function useResource<T>(path: string | undefined, topics: readonly string[] = []): Resource<T> {
  const [, redraw] = useState(0)
  useEffect(() => {
    if (path === undefined) return
    const entry = entryOf(path, topics)
    const watcher = () => redraw((number) => number + 1)
    entry.watchers.add(watcher)
    if (entry.resource.data === undefined) void load(path, entry)
    watcher()
    return () => {
      entry.watchers.delete(watcher)
    }
  }, [path])
  const resource = path === undefined ? undefined : entries.get(path)?.resource
  return (resource ?? nothing) as Resource<T> // Whoever names the path names its type.
}

const nothing: Resource<unknown> = {data: undefined, error: undefined, at: undefined}

function entryOf(path: string, topics: readonly string[]): Entry {
  const known = entries.get(path)
  if (known) return known
  for (const [other, {watchers}] of entries) {
    if (entries.size < maxEntries) break
    if (watchers.size === 0) entries.delete(other)
  }
  const entry: Entry = {resource: nothing, topics, watchers: new Set(), loading: undefined, isStale: false}
  entries.set(path, entry)
  return entry
}

/** One question at a time for each path; what changes meanwhile is asked for once more. */
function load(path: string, entry: Entry): Promise<void> {
  if (entry.loading) {
    entry.isStale = true
    return entry.loading
  }
  entry.loading = (async () => {
    do {
      entry.isStale = false
      try {
        const data = await ask<unknown>(path)
        entry.resource = {data, error: undefined, at: now()}
      } catch (error) {
        const failure = error instanceof Failure ? error : new Failure(0, 'something went wrong in this page')
        entry.resource = {...entry.resource, error: failure}
      }
      for (const watcher of entry.watchers) watcher(entry.resource)
    } while (entry.isStale && entry.resource.error === undefined)
    entry.loading = undefined
  })()
  return entry.loading
}
