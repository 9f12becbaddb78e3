import type {MinersList} from '../../api/schemas.js'
import type {ValidatorsBody} from '../../api/views.js'
import {useResource} from '../data.js'
import {count, one, percent, plural, short} from '../format.js'
import {Alarms} from '../parts/alarms.js'
import {Ago, Answer, Bar, Chip, Fact, Miner, Panel} from '../parts/basics.js'

type Row = ValidatorsBody['validators'][number]

/** Do the validators work, do they agree, and is what they put on the chain what follows from the results? */
export function Validators() {
  const validators = useResource<ValidatorsBody>('validators', ['settled', 'validators', 'rankings', 'block'])
  const miners = useResource<MinersList>('miners/list', ['miners'])
  const uids = new Map<string, number>(miners.data?.miners.map(({hotkey, uid}) => [hotkey, uid]))
  const names = new Map<string, string>([
    ...[...uids].map(([hotkey, uid]) => [hotkey, `uid ${uid}`] as const),
    ...(validators.data?.validators.map(({hotkey, uid}) => [hotkey, `validator uid ${uid}`] as const) ?? []),
  ])
  return (
    <>
      <h1>Validators</h1>
      <Answer of={validators}>
        {(data) => (
          <>
            <Panel
              title={summaryOf(data)}
              note={
                data.expected ? (
                  <>
                    Expected on the chain: all weight on <Miner hotkey={data.expected.hotkey} uid={data.expected.uid} />
                    , since block {count(data.expected.block)}.
                  </>
                ) : (
                  noWinner(data)
                )
              }
            >
              {data.validators.length === 0 && (
                <p class="quiet">
                  No validator meets stake floor and permit yet. They appear with the next look at the chain.
                </p>
              )}
              <ul class="validators">
                {data.validators.map((row) => (
                  <ValidatorCard key={row.hotkey} row={row} uids={uids} tasks={data.tasks} />
                ))}
              </ul>
            </Panel>
            <Alarms nameOf={(hotkey) => names.get(hotkey) ?? short(hotkey)} />
          </>
        )}
      </Answer>
    </>
  )
}

function noWinner({tasks}: ValidatorsBody): string {
  if (tasks === 0) return 'Nothing is decided yet, so no weights are expected.'
  return 'Nobody deserves the emission now: there is no winner to compare the weights with.'
}

function summaryOf({validators}: ValidatorsBody): string {
  const set = validators.flatMap(({weights}) => (weights ? [weights] : []))
  const wrong = set.filter(({verdict}) => verdict === 'differs').length
  const people = plural(validators.length, 'validator')
  if (wrong > 0) return `${people}, ${count(wrong)} with other weights than expected`
  return people
}

function ValidatorCard({row, uids, tasks}: {row: Row; uids: ReadonlyMap<string, number>; tasks: number}) {
  return (
    <li>
      <header>
        <p class="who">
          <b>uid {row.uid}</b> <code title={row.hotkey}>{short(row.hotkey)}</code>
        </p>
        <WeightsChip weights={row.weights} />
      </header>
      <dl class="facts">
        <Fact label="Last seen" hint="last signed request">
          <Ago at={row.last_seen_at} />
        </Fact>
        <Fact
          label="Verdicts in the last hour"
          hint={
            row.last_verdict_at === null ? (
              'none yet'
            ) : (
              <>
                newest <Ago at={row.last_verdict_at} />
              </>
            )
          }
        >
          {count(row.verdicts_last_hour)}
        </Fact>
        <Fact
          label="Agrees with the vote"
          hint={row.agreement === null ? 'no verdicts yet' : <Bar share={row.agreement} />}
        >
          {percent(row.agreement)}
        </Fact>
        <Fact label="From the median" hint="mean distance of its scores, in points">
          {row.deviation === null ? '–' : one(row.deviation)}
        </Fact>
        <Fact label="Judged" hint={`${plural(row.verdicts, 'verdict')} in the last ${plural(tasks, 'task')}`}>
          {row.tasks} of {tasks}
        </Fact>
        <Fact label="Stake" hint={row.pinned ? 'added by the owner' : 'as on the chain'}>
          {count(row.stake)}
        </Fact>
      </dl>
      <p class="weights">
        {row.weights === undefined && <span class="quiet">Its weights have not been looked at.</span>}
        {row.weights === null && <span class="quiet">It has never set weights.</span>}
        {row.weights && (
          <>
            <span class="quiet">Weights at block {count(row.weights.block)}: </span>
            {row.weights.top.length === 0 && 'none'}
            {row.weights.top.map(({uid, hotkey, share}) => (
              <span key={uid} class="target">
                {hotkey !== null && uids.has(hotkey) ? (
                  <Miner hotkey={hotkey} uid={uid} />
                ) : (
                  <b>{uid === 0 ? 'uid 0, which recycles the emission' : `uid ${uid}`}</b>
                )}{' '}
                <span class="number">{percent(share)}</span>
              </span>
            ))}
          </>
        )}
      </p>
    </li>
  )
}

function WeightsChip({weights}: {weights: Row['weights']}) {
  if (weights === undefined) return null
  if (weights === null) return <Chip tone="plain">no weights yet</Chip>
  if (weights.verdict === 'agrees') return <Chip tone="good">weights as expected</Chip>
  if (weights.verdict === 'earlier') return <Chip tone="plain">weights from before the winner changed</Chip>
  if (weights.verdict === 'differs') return <Chip tone="bad">other weights than expected</Chip>
  return <Chip tone="plain">no winner to compare with</Chip>
}
