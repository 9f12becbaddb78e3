import type {Ranking} from '../../domain/ranking.js'
import type {SubnetView} from '../../domain/subnet.js'
import {useResource} from '../data.js'
import {percent, sentence, words} from '../format.js'
import {Answer, FigureChip, Miner, Panel} from '../parts/basics.js'
import {Rounds} from '../parts/rounds.js'

/** Another mechanism than the one that this API serves at its root: its ranking and its rounds, as far as published. */
export function Mechanism({name}: {name: string}) {
  const isName = /^[a-z0-9-]{1,64}$/.test(name)
  const ranking = useResource<{ranking?: Ranking; view?: SubnetView} & Partial<Ranking>>(
    isName ? `mechanisms/${name}/ranking` : undefined,
    ['rankings'],
  )
  return (
    <>
      <header class="title">
        <p class="kicker">Mechanism</p>
        <h1>{words(name)}</h1>
      </header>
      <Answer
        of={ranking}
        empty={`This API publishes no ranking of ${name} yet. Its validators set weights for it all the same.`}
      >
        {(data) => {
          const {rows = [], summary = ''} = data.ranking ?? data
          const uids = new Map(data.view?.neurons.map(({hotkey, uid}) => [hotkey as string, uid]))
          return (
            <>
              <Panel
                title={rows.length === 0 ? 'Nobody is ranked yet' : 'Ranking'}
                note={summary === '' ? undefined : sentence(summary)}
              >
                <ul class="board plain">
                  {rows.map((row) => (
                    <li key={row.hotkey} class={row.rank === 1 ? 'first' : ''}>
                      <span class="place number">{row.rank ?? '–'}</span>
                      <div class="name">
                        <Miner hotkey={row.hotkey} uid={row.uid} plain />
                      </div>
                      <div class="rate">
                        <span class="number">{percent(row.weight)}</span>
                        <small>of the emission</small>
                      </div>
                      <p class="explain">{sentence(row.sentence)}</p>
                      <p class="chips">
                        {Object.entries(row.numbers)
                          .filter(([, value]) => row.rank !== null || value !== 0)
                          .slice(0, 8)
                          .map(([key, value]) => (
                            <FigureChip key={key} name={key} value={value} />
                          ))}
                      </p>
                    </li>
                  ))}
                </ul>
              </Panel>
              <Rounds name={name} uidOf={(hotkey) => uids.get(hotkey) ?? null} />
            </>
          )
        }}
      </Answer>
    </>
  )
}
