import type {OverviewBody} from '../../api/views.js'
import {now as pageNow} from '../clock.js'
import type {Resource} from '../data.js'
import {count, span} from '../format.js'
import type {LiveState} from '../live.js'
import {addressOf} from '../router.js'
import {Ago, useNow} from './basics.js'

const tabs = [
  {name: 'Overview', path: [], views: ['', 'mechanism']},
  {name: 'Miners', path: ['miners'], views: ['miners', 'miner']},
  {name: 'Tasks', path: ['tasks'], views: ['tasks', 'task']},
  {name: 'Validators', path: ['validators'], views: ['validators']},
] as const

export function Header({
  view,
  overview,
  live,
  mechanism,
}: {
  view: string
  overview: Resource<OverviewBody>
  live: LiveState
  mechanism: string | undefined
}) {
  const {data} = overview
  return (
    <header class="top">
      <div class="bar-row">
        <a class="brand" href="#/" aria-label="leoma, to the overview">
          <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
            <rect width="32" height="32" rx="8" class="mark-ground" />
            <path class="mark-line" d="M10 7v14a3 3 0 0 0 3 3h9" />
            <path
              class="mark-fill"
              d="M16.5 9.2v7.6a.8.8 0 0 0 1.2.7l6.2-3.8a.8.8 0 0 0 0-1.4l-6.2-3.8a.8.8 0 0 0-1.2.7z"
            />
          </svg>
          leoma
        </a>
        {data && <span class="netuid">subnet {data.netuid}</span>}
        <LiveSign live={live} block={live.block ?? data?.block ?? null} />
      </div>
      <nav aria-label="Pages">
        {tabs.map(({name, path, views}) => {
          const isHere = (views as readonly string[]).includes(view)
          return (
            <a key={name} href={addressOf(path)} {...(isHere && {'aria-current': 'page'})}>
              {name}
            </a>
          )
        })}
      </nav>
      {data && data.mechanisms.length > 1 && (
        <nav class="switch" aria-label="Mechanisms">
          {data.mechanisms.map(({name, mecid}) => (
            <a
              key={name}
              href={name === data.mechanism ? '#/' : addressOf(['mechanism', name])}
              {...(name === mechanism && {'aria-current': 'true'})}
            >
              {name} <small>index {mecid}</small>
            </a>
          ))}
        </nav>
      )}
      {overview.error && (
        <p class="notice bad wide" role="status">
          {overview.error.status === 0 ? 'The API does not answer.' : `The API has a fault: ${overview.error.message}.`}{' '}
          {overview.at !== undefined && data ? (
            <>
              What you see is from <Ago at={new Date(overview.at).toISOString()} />; this page tries again by itself.
            </>
          ) : (
            'This page tries again by itself.'
          )}
        </p>
      )}
    </header>
  )
}

function LiveSign({live, block}: {live: LiveState; block: number | null}) {
  useNow(1_000)
  const wait = live.retryAt === undefined ? undefined : live.retryAt - pageNow()
  return (
    <p class={`live ${live.isLive ? 'on' : 'off'}`}>
      <span class="dot" aria-hidden="true" />
      {/* Only the word is announced; the counting would never end. */}
      <span role="status">{live.isLive ? 'Live' : 'Not live'}</span>
      {live.isLive && block !== null && <span class="quiet number">block {count(block)}</span>}
      {!live.isLive && (
        <span class="quiet number">
          {wait === undefined || wait < 500 ? 'connecting …' : `next try in ${span(wait)}`}
        </span>
      )}
    </p>
  )
}
