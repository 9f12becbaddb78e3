import {useMemo} from 'preact/hooks'
import type {MinersList, RankBody} from '../../api/schemas.js'
import type {OutcomesBody} from '../../api/views.js'
import {useResource} from '../data.js'
import {percent, plural, sentence} from '../format.js'
import {Answer, Bar, Chip, Miner, Panel} from '../parts/basics.js'
import {Remedy} from '../parts/remedy.js'
import {Strip, StripLegend} from '../parts/strip.js'
import {WindowedList} from '../parts/windowed-list.js'
import {addressOf} from '../router.js'
import {
  distanceOf,
  type Selection,
  type ShowKey,
  type SortKey,
  type StandingRow,
  select,
  selectionOf,
  showKeys,
  standings,
} from '../standings.js'

const formTasks = 40
/** Of a row on a desk, in pixels. */
const rowGuess = 98

const sorts: Readonly<Record<SortKey, string>> = {
  rank: 'Rank',
  pass: 'Pass rate',
  complete: 'Completeness',
  since: 'Earliest commitment',
  uid: 'Uid',
}
const shows: Readonly<Record<ShowKey, string>> = {
  all: 'All',
  ranked: 'Ranked',
  waiting: 'Not ranked',
  invalid: 'Not valid',
}

export function Leaderboard({query}: {query: Readonly<Record<string, string>>}) {
  const rank = useResource<RankBody>('scores/rank', ['rankings', 'settled', 'miners'])
  const outcomes = useResource<OutcomesBody>('history/outcomes', ['settled'])
  const miners = useResource<MinersList>('miners/list', ['miners'])
  const selection = selectionOf(query)
  const models = useMemo(
    () => new Map<string, string>(miners.data?.miners.map(({hotkey, model_name}) => [hotkey, model_name ?? ''])),
    [miners.data],
  )
  const all = useMemo(() => (rank.data ? standings(rank.data) : []), [rank.data])
  const chosen = useMemo(
    () => select(all, selection, (hotkey) => models.get(hotkey) ?? ''),
    [all, models, selection.search, selection.sort, selection.show],
  )
  // The same element again is not drawn again: a search or another order only moves what is there.
  const drawn = useMemo(
    () =>
      new Map(
        all.map((row) => [
          row.hotkey,
          <Row
            key={row.hotkey}
            row={row}
            model={models.get(row.hotkey) ?? ''}
            letters={outcomes.data?.outcomes[row.hotkey] ?? ''}
          />,
        ]),
      ),
    [all, models, outcomes.data],
  )
  return (
    <>
      <h1>Miners</h1>
      <Controls selection={selection} all={all} />
      <Answer of={rank}>
        {() => (
          <Panel
            title={plural(chosen.length, 'miner')}
            note={
              all.length > 0 && (
                <>
                  The bars are the last {formTasks} tasks of each, newest on the right. <StripLegend />
                </>
              )
            }
          >
            {chosen.length === 0 && (
              <p class="quiet">
                {all.length === 0 ? 'No miner has offered anything yet.' : 'No miner fits this search.'}
              </p>
            )}
            <WindowedList
              class="board"
              rows={chosen}
              keyOf={({hotkey}) => hotkey}
              classOf={({rank: place}) => (place === 1 ? 'first' : '')}
              guess={rowGuess}
            >
              {({hotkey}) => drawn.get(hotkey)}
            </WindowedList>
          </Panel>
        )}
      </Answer>
    </>
  )
}

/** What is chosen stands in the address, so that it can be sent to somebody. */
function Controls({selection, all}: {selection: Selection; all: readonly StandingRow[]}) {
  const counts = useMemo(
    () => new Map(showKeys.map((show) => [show, select(all, {search: '', sort: 'rank', show}).length])),
    [all],
  )
  const go = (change: Partial<Selection>) => {
    const {search, sort, show} = {...selection, ...change}
    const address = addressOf(['miners'], {
      q: search,
      sort: sort === 'rank' ? '' : sort,
      show: show === 'all' ? '' : show,
    })
    history.replaceState(null, '', address)
    dispatchEvent(new HashChangeEvent('hashchange'))
  }
  return (
    <search class="controls">
      <label class="field">
        <span>Search</span>
        <input
          type="search"
          value={selection.search}
          placeholder="uid, hotkey, model or reason"
          maxLength={100}
          onInput={({currentTarget}) => go({search: currentTarget.value})}
        />
      </label>
      <label class="field">
        <span>Sort by</span>
        <select
          value={selection.sort}
          onChange={({currentTarget}) => go({sort: currentTarget.value as SortKey /* one of the options */})}
        >
          {Object.entries(sorts).map(([key, name]) => (
            <option key={key} value={key}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <fieldset class="choice">
        <legend class="hidden">Show</legend>
        {Object.entries(shows).map(([key, name]) => (
          <label key={key}>
            <input
              type="radio"
              name="show"
              checked={selection.show === key}
              onChange={() => go({show: key as ShowKey /* its own key */})}
            />
            <span>
              {name} <small class="number">{counts.get(key as ShowKey)}</small>
            </span>
          </label>
        ))}
      </fieldset>
    </search>
  )
}

function Row({row, model, letters}: {row: StandingRow; model: string; letters: string}) {
  return (
    <>
      <span class="place number">{row.rank ?? '–'}</span>
      <div class="name">
        <Miner hotkey={row.hotkey} uid={row.uid} />
        {model !== '' && <small class="model">{model}</small>}
      </div>
      <div class="rate">
        <span class="number">{row.evaluated === 0 ? '–' : percent(row.passRate)}</span>{' '}
        <span class="quiet">passed</span>
        <Bar
          share={row.passRate}
          mark={row.rank === 1 || row.proof ? null : row.toWin}
          tone={row.rank === 1 ? 'accent' : 'plain'}
        />
        <small class="number">{row.rank === null ? `${row.passed} of ${row.evaluated}` : distanceOf(row)}</small>
      </div>
      <div class="complete">
        <span class="number">{percent(row.completeness)}</span>
        <small>complete</small>
      </div>
      <div class="form">
        <Strip letters={letters.slice(-formTasks)} />
      </div>
      <p class="explain">
        {!row.isValid && <Chip tone="warn">not valid</Chip>} {sentence(row.explain)}
        {!row.isValid && ' '}
        {!row.isValid && <Remedy reason={row.invalidReason} hotkey={row.hotkey} modelName={model} />}
      </p>
    </>
  )
}
