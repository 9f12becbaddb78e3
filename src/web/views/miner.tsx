import {useMemo} from 'preact/hooks'
import type {MinerBody, RankBody} from '../../api/schemas.js'
import type {MinerRecordBody, OutcomesBody} from '../../api/views.js'
import {invalidWords} from '../../domain/plain-words.js'
import {useResource} from '../data.js'
import {count, outcomeWords, percent, plural, sentence, short} from '../format.js'
import {Answer, Chip, Copy, Fact, Panel} from '../parts/basics.js'
import {MinerVerdicts} from '../parts/miner-verdicts.js'
import {Plot, type PlotData} from '../parts/plot.js'
import {Radar} from '../parts/radar.js'
import {useRateRule} from '../parts/rate-rule.js'
import {Remedy} from '../parts/remedy.js'
import {Strip, StripLegend} from '../parts/strip.js'
import {distanceOf, firstAsked, rollingRates, type StandingRow, standings} from '../standings.js'

const topics = ['settled', 'rankings', 'miners']

/** Why one miner is where it is: the sentence, the figures behind it, every verdict, and what it has offered. */
export function MinerPage({hotkey}: {hotkey: string}) {
  const isHotkey = /^[1-9A-HJ-NP-Za-km-z]{47,48}$/.test(hotkey)
  const at = (path: string) => (isHotkey ? path : undefined)
  const rank = useResource<RankBody>('scores/rank', topics)
  const miner = useResource<MinerBody>(at(`miners/${hotkey}`), ['miners'])
  const record = useResource<MinerRecordBody>(at(`miners/${hotkey}/record`), ['settled', 'miners'])
  const outcomes = useResource<OutcomesBody>('history/outcomes', ['settled'])
  const row = useMemo(
    () => (rank.data ? standings(rank.data).find((candidate) => candidate.hotkey === hotkey) : undefined),
    [rank.data, hotkey],
  )
  const winner = rank.data?.ranks.find(({rank: place}) => place === 1)?.miner_hotkey
  const letters = outcomes.data?.outcomes[hotkey] ?? ''
  if (!isHotkey)
    return <Panel title="This is no hotkey">A hotkey has 47 or 48 letters and digits, such as 5F3sa2TJ….</Panel>
  const uid = row?.uid ?? miner.data?.uid ?? null
  return (
    <>
      <header class="title">
        <p class="kicker">Miner</p>
        <h1>{uid === null ? short(hotkey) : `uid ${uid}`}</h1>
        <Copy text={hotkey} label="the hotkey" />
      </header>
      <Standing hotkey={hotkey} row={row} miner={miner.data} isKnown={rank.data !== undefined} />
      <div class="split">
        <Panel title="Over time" note="Pass rate over the window of the ranking, after each settled task.">
          <Course tasks={outcomes.data?.tasks ?? []} letters={letters} />
        </Panel>
        <Panel title="What became of its tasks">
          <Breakdown letters={letters} hotkey={hotkey} />
        </Panel>
      </div>
      <Answer of={record} empty="Nothing is known of this miner.">
        {(data) => (
          <>
            <Panel
              title="What its outputs are good at"
              note={data.verdicts > 0 ? `Mean of its last ${plural(data.verdicts, 'verdict')}, 0 to 100.` : undefined}
            >
              <Aspects own={data} winner={winner === hotkey ? undefined : winner} />
            </Panel>
            <MinerVerdicts hotkey={hotkey} />
            <Submissions record={data} current={row?.block ?? miner.data?.block ?? null} />
          </>
        )}
      </Answer>
    </>
  )
}

function Standing({
  hotkey,
  row,
  miner,
  isKnown,
}: {
  hotkey: string
  row: StandingRow | undefined
  miner: MinerBody | undefined
  isKnown: boolean
}) {
  const isValid = miner?.is_valid ?? row?.isValid
  const reason = miner?.invalid_reason ?? row?.invalidReason ?? null
  return (
    <Panel title="Why it stands where it does" class="standing">
      <p class="explain large">
        {row
          ? sentence(row.explain)
          : isKnown
            ? 'This hotkey is in no ranking: it was never asked, and offers nothing now.'
            : 'Loading …'}
      </p>
      {isValid === false && (
        <div class="notice warn">
          <p>
            <b>Not valid: {reason === null ? 'no reason given' : invalidWords(reason)}.</b>{' '}
            <Remedy reason={reason} hotkey={hotkey} modelName={miner?.model_name} />
          </p>
        </div>
      )}
      {row && (
        <dl class="facts">
          <Fact label="Rank" hint={row.rank === null ? 'not eligible' : row.rank === 1 ? 'takes all' : 'eligible'}>
            {row.rank ?? '–'}
          </Fact>
          <Fact
            label="Passed"
            hint={
              row.evaluated === 0 ? 'no task counts yet' : `${count(row.passed)} of ${count(row.evaluated)} that count`
            }
          >
            {row.evaluated === 0 ? '–' : percent(row.passRate)}
          </Fact>
          <Fact label="To the winner" hint={distanceHint(row)}>
            {row.rank === null ? '–' : distanceOf(row)}
          </Fact>
          <Fact label="Complete" hint="of the window’s tasks">
            {percent(row.completeness)}
          </Fact>
          <Fact label="Valid" hint={row.block === null ? 'no commitment' : `committed at block ${count(row.block)}`}>
            {isValid ? 'yes' : 'no'}
          </Fact>
        </dl>
      )}
      {miner && miner.model_name !== null && (
        <p class="quiet model">
          {miner.model_name} {miner.model_revision !== null && <code>{miner.model_revision.slice(0, 12)}</code>}
        </p>
      )}
    </Panel>
  )
}

function distanceHint({rank, proof, toWin}: StandingRow): string {
  if (rank === 1) return 'it is the winner'
  if (rank === null) return 'only who is ranked is compared'
  if (proof) return `better in ${count(proof.ahead)}, worse in ${count(proof.behind)} of the tasks that count for both`
  return toWin === null ? 'no rate would win now' : `${percent(toWin)} would win`
}

function Course({tasks, letters}: {tasks: readonly number[]; letters: string}) {
  const rule = useRateRule()
  const from = firstAsked([letters])
  const data = useMemo(
    (): PlotData => ({
      x: tasks.slice(from),
      lines: [{name: 'pass rate', values: rollingRates(letters, rule).slice(from), colour: '--series-1'}],
      format: (value) => `${Math.round(100 * value)} %`,
      range: [0, 1.04],
    }),
    [tasks, letters, rule, from],
  )
  const last = data.lines[0]?.values.at(-1)
  if (tasks.length === 0 || letters === '') return <p class="quiet">It was asked in no settled task yet.</p>
  return (
    <>
      <Plot data={data} sentence={`Pass rate after the newest task: ${percent(last)}`} height={170} />
      <div class="form wide" style={{maxWidth: `${Math.max(1, letters.length - from) * 22}px`}}>
        <Strip letters={letters.slice(from)} height={34} />
      </div>
      <StripLegend />
    </>
  )
}

const lettersInWords = [
  ['p', 'passed', 'good'],
  ['f', 'failed', 'bad'],
  ['r', 'rejected by a gate', 'warn'],
  ['m', 'missed: busy, silent or refused', 'plain'],
  ['u', 'delivered, and nobody judged it', 'plain'],
] as const

function Breakdown({letters, hotkey}: {letters: string; hotkey: string}) {
  const history = useResource<{tasks: {outcome: string; reason: string | null}[]}>(
    `miners/${hotkey}/history?limit=200`,
    ['settled'],
  )
  const gates = new Map<string, number>()
  for (const {outcome} of history.data?.tasks ?? [])
    if (outcome !== 'ok') gates.set(outcome, (gates.get(outcome) ?? 0) + 1)
  const asked = letters.replaceAll('-', '').length
  if (asked === 0) return <p class="quiet">Nothing yet.</p>
  const absent = letters.length - asked
  return (
    <>
      <p class="quiet">
        {plural(asked, 'task')} of the last {count(letters.length)}
        {absent > 0 && <>; it was not asked in the other {count(absent)}</>}.
      </p>
      <ul class="breakdown">
        {lettersInWords.map(([letter, name, tone]) => {
          const number = letters.split(letter).length - 1
          if (number === 0) return null
          return (
            <li key={letter}>
              <span class={`number tone-${tone}`}>{number}</span>
              <span>{name}</span>
              <svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect class="rail" width="100" height="6" />
                <rect class={`k-${letter}`} width={(100 * number) / asked} height="6" />
              </svg>
            </li>
          )
        })}
      </ul>
      {gates.size > 0 && (
        <>
          <h3>What stood in its way</h3>
          <ul class="chips">
            {[...gates]
              .sort(([, a], [, b]) => b - a)
              .map(([outcome, number]) => (
                <li key={outcome}>
                  <Chip tone={outcome.startsWith('rejected:') ? 'warn' : 'plain'}>
                    {outcomeWords(outcome)} <b class="number">{number}</b>
                  </Chip>
                </li>
              ))}
          </ul>
        </>
      )}
    </>
  )
}

function Aspects({own, winner}: {own: MinerRecordBody; winner: string | undefined}) {
  const best = useResource<MinerRecordBody>(winner === undefined ? undefined : `miners/${winner}/record`, ['settled'])
  return (
    <Radar
      shapes={[
        {name: 'this miner', tone: 'own', values: own.aspects},
        ...(best.data && best.data.verdicts > 0
          ? [{name: 'the winner', tone: 'other' as const, values: best.data.aspects}]
          : []),
      ]}
    />
  )
}

function Submissions({record, current}: {record: MinerRecordBody; current: number | null}) {
  return (
    <Panel title="What it has offered" note="Every commitment that was seen, newest first.">
      {record.submissions.length === 0 ? (
        <p class="quiet">No commitment of it was ever seen.</p>
      ) : (
        <ul class="offers">
          {record.submissions.map((submission) => (
            <li key={submission.block}>
              <p>
                <b class="number">Block {count(submission.block)}</b>{' '}
                {submission.block === current && <Chip tone="accent">in force</Chip>}{' '}
                <Chip tone={submission.is_valid ? 'good' : 'warn'}>{submission.is_valid ? 'valid' : 'not valid'}</Chip>
              </p>
              <p class="model">
                {submission.model_name ?? 'no model named'}{' '}
                {submission.model_revision !== null && <code>{submission.model_revision.slice(0, 12)}</code>}
              </p>
              {!submission.is_valid && submission.invalid_reason !== null && (
                <p class="quiet">{sentence(invalidWords(submission.invalid_reason))}</p>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
