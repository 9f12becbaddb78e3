import type {HealthBody, RankBody} from '../../api/schemas.js'
import type {HistoryBody, OutcomesBody, OverviewBody, ValidatorsBody} from '../../api/views.js'
import {type Resource, useResource} from '../data.js'
import {count, percent, plural, points, sentence, span} from '../format.js'
import {Answer, Bar, Chip, Miner, Panel, useNow} from '../parts/basics.js'
import {Proof} from '../parts/proof.js'
import {Pulse} from '../parts/pulse.js'
import {Trends} from '../parts/trends.js'
import {addressOf} from '../router.js'
import {standings} from '../standings.js'

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
  const next = rows.find(({rank: place}) => place === 2)
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
        <div class="fact">
          <dt>Ahead by</dt>
          <dd>{leadOver(winner.pass_rate, next?.passRate)}</dd>
        </div>
        <div class="fact">
          <dt>For</dt>
          <dd>
            {winner.since ? (
              <>
                {span(now - Date.parse(winner.since.at))}
                <small>since block {count(winner.since.block)}</small>
              </>
            ) : (
              'an unknown time'
            )}
          </dd>
        </div>
      </dl>
      {own && <p class="explain">{sentence(own.explain)}</p>}
    </Panel>
  )
}

/** In points, which is what a pass rate is compared in. */
function leadOver(own: number, next: number | undefined): string {
  if (next === undefined) return 'nobody is behind'
  const lead = points(own - next)
  return lead === '0.0' ? 'its earlier commitment' : `${lead.replace('+', '')} points`
}

/** The first few with what they would need: the distance to the top at a glance. */
function Contest({rank}: {rank: Resource<RankBody>}) {
  return (
    <Panel title="The contest" note="Share of tasks passed; the line is what each would need to win.">
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
                      mark={row.rank === 1 ? null : row.toWin}
                      tone={row.rank === 1 ? 'accent' : 'plain'}
                    />
                    <span class="number rate">{percent(row.passRate)}</span>
                    <span class="number gap">
                      {row.rank === 1 ? 'winner' : row.margin === null ? '' : points(row.margin)}
                    </span>
                  </li>
                ))}
              </ol>
              <p class="more">
                <a href={addressOf(['miners'])}>All {plural(rows.length, 'miner')}</a>
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
