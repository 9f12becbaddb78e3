import type {HealthBody, RankBody} from '../../api/schemas.js'
import type {HistoryBody, OutcomesBody, OverviewBody, ValidatorsBody} from '../../api/views.js'
import {type Resource, useResource} from '../data.js'
import {count, percent, plural, points, sentence, span} from '../format.js'
import {Answer, Bar, Chip, Fact, Miner, Panel, useNow} from '../parts/basics.js'
import {Proof} from '../parts/proof.js'
import {Pulse} from '../parts/pulse.js'
import {Trends} from '../parts/trends.js'
import {addressOf} from '../router.js'
import {distanceOf, nearestChallenger, type StandingRow, standings} from '../standings.js'

/** In this order: is it alive, who is ahead and by how much, how it has gone, do the validators agree, the proof. */
export function Overview({overview}: {overview: Resource<OverviewBody>}) {
  const rank = useResource<RankBody>('scores/rank', ['rankings', 'settled', 'miners'])
  const history = useResource<HistoryBody>('history', ['settled', 'rankings'])
  const outcomes = useResource<OutcomesBody>('history/outcomes', ['settled'])
  const health = useResource<HealthBody>('health', ['block', 'rankings'])
  const validators = useResource<ValidatorsBody>('validators', ['settled', 'validators', 'rankings'])
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Answer of={overview}>
        {(data) => (
          <>
            <Pulse overview={data} health={health} history={history.data} validators={validators.data} />
            <div class="split lead">
              <Winner overview={data} rank={rank.data} />
              <Contest rank={rank} />
            </div>
            <Trends history={history} outcomes={outcomes} rank={rank.data} />
            <Proof settled={data.tasks.settled} winner={data.winner?.hotkey} outcomes={outcomes.data} />
          </>
        )}
      </Answer>
    </>
  )
}

function Winner({overview, rank}: {overview: OverviewBody; rank: RankBody | undefined}) {
  const now = useNow(10_000)
  const {winner, decision, summary} = overview
  if (!winner) {
    const word = decision === 'burn' ? 'Nobody: the emission is burned' : 'Not decided yet'
    return (
      <Panel title="Who is ahead" class="winner none">
        <p class="headline">{word}</p>
        <p>{sentence(summary)}</p>
      </Panel>
    )
  }
  const rows = rank ? standings(rank) : []
  const own = rows.find(({hotkey}) => hotkey === winner.hotkey)
  return (
    <Panel title="Who is ahead" class="winner">
      <p class="headline">
        <Miner hotkey={winner.hotkey} uid={winner.uid} />
      </p>
      <p class="big">
        <span class="number">{percent(winner.pass_rate)}</span>
        <small>of its tasks passed</small>
      </p>
      <dl class="facts">
        <Lead winner={winner} rows={rows} />
        <Fact
          label="In the lead for"
          hint={winner.since ? `since block ${count(winner.since.block)}` : 'since before this was noted'}
        >
          {winner.since ? span(now - Date.parse(winner.since.at)) : '–'}
        </Fact>
      </dl>
      {own && <p class="explain">{sentence(own.explain)}</p>}
    </Panel>
  )
}

/** How safe the lead is: in what the next one would have to prove, or in points where a rate decides. */
function Lead({winner, rows}: {winner: {pass_rate: number}; rows: readonly StandingRow[]}) {
  const next = rows.find(({rank: place}) => place === 2)
  const nearest = nearestChallenger(rows)
  if (!next)
    return (
      <Fact label="Ahead by" hint="nobody else is ranked">
        –
      </Fact>
    )
  if (nearest)
    return (
      <Fact
        label="To overtake it"
        hint={
          nearest.proof.short > 0
            ? `uid ${nearest.uid ?? '–'}, the nearest, must do better in so many more, so that it is no chance`
            : `uid ${nearest.uid ?? '–'} is the nearest, and has done better often enough`
        }
      >
        {nearest.proof.short > 0 ? plural(nearest.proof.short, 'task') : 'a larger pass rate'}
      </Fact>
    )
  const lead = points(winner.pass_rate - next.passRate)
  return (
    <Fact label="Ahead by" hint={`uid ${next.uid ?? '–'} is next`}>
      {lead === '0.0' ? 'its earlier commitment' : `${lead.replace('+', '')} points`}
    </Fact>
  )
}

function noteOf(rank: RankBody | undefined): string | undefined {
  if (!rank || rank.ranks.length === 0) return undefined
  return rank.ranks.some(({proof}) => proof)
    ? 'Share of tasks passed, and how many more each must win from the leader.'
    : 'Share of tasks passed; the line is what each would need to win.'
}

/** The first few with what they would need: the distance to the top at a glance. */
function Contest({rank}: {rank: Resource<RankBody>}) {
  return (
    <Panel title="The contest" note={noteOf(rank.data)}>
      <Answer of={rank}>
        {(data) => {
          const rows = standings(data)
          const ranked = rows.filter(({rank: place}) => place !== null)
          const waiting = rows.filter(({rank: place, isValid}) => place === null && isValid).length
          const invalid = rows.filter(({isValid}) => !isValid).length
          return (
            <>
              {ranked.length === 0 && <p class="quiet">No miner is ranked yet.</p>}
              <ol class="contest">
                {ranked.slice(0, 5).map((row) => (
                  <li key={row.hotkey}>
                    <span class="place number">{row.rank}</span>
                    <Miner hotkey={row.hotkey} uid={row.uid} />
                    <Bar
                      share={row.passRate}
                      mark={row.rank === 1 || row.proof ? null : row.toWin}
                      tone={row.rank === 1 ? 'accent' : 'plain'}
                    />
                    <span class="number rate">{percent(row.passRate)}</span>
                    <span class="number gap">{distanceOf(row)}</span>
                  </li>
                ))}
              </ol>
              <p class="more">
                {rows.length > 0 && <a href={addressOf(['miners'])}>All {plural(rows.length, 'miner')}</a>}
                {waiting > 0 && (
                  <a href={addressOf(['miners'], {show: 'waiting'})}>
                    <Chip tone="plain">{count(waiting)} not ranked</Chip>
                  </a>
                )}
                {invalid > 0 && (
                  <a href={addressOf(['miners'], {show: 'invalid'})}>
                    <Chip tone="warn">{count(invalid)} not valid</Chip>
                  </a>
                )}
              </p>
            </>
          )
        }}
      </Answer>
    </Panel>
  )
}
