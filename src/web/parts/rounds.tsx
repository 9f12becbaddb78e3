import {useResource} from '../data.js'
import {count, figure, plural, sentence} from '../format.js'
import {Ago, Answer, Chip, FigureChip, Miner, Panel} from './basics.js'

/** What of a measured round is shown; it is evidence in a mechanism's own words, so every part of it may be absent. */
interface Round {
  readonly sequence: number
  readonly block: number
  readonly created_at: string
  readonly evidence: {readonly results?: readonly Result[]}
}

interface Result {
  readonly hotkey: string
  readonly outcome?: string
  readonly reason?: string | null
  readonly isolation?: string | null
  readonly finalScore?: number
  readonly quality?: number
  readonly timeS?: number | null
}

const shown = 10

/** The newest rounds that a validator has signed and published; nothing where a mechanism has none. */
export function Rounds({name, uidOf}: {name: string; uidOf: (hotkey: string) => number | null}) {
  const rounds = useResource<{author: string; rounds: readonly Round[]}>(`mechanisms/${name}/rounds?limit=${shown}`, [
    'rankings',
  ])
  return (
    <Answer of={rounds} empty="">
      {(data) => (
        <Panel
          title="Rounds"
          note={
            <>
              Measured and signed by <Miner hotkey={data.author} uid={uidOf(data.author)} plain />, the newest first.
            </>
          }
        >
          {data.rounds.map((round) => (
            <OneRound key={round.sequence} round={round} uidOf={uidOf} />
          ))}
          <p>
            <a href={`mechanisms/${name}/log?author=${data.author}`}>The signed records as they are</a>
          </p>
        </Panel>
      )}
    </Answer>
  )
}

function OneRound({round, uidOf}: {round: Round; uidOf: (hotkey: string) => number | null}) {
  const {results = []} = round.evidence
  const best = (result: Result) => result.finalScore ?? 0
  const inOrder = [...results].sort((a, b) => best(b) - best(a))
  const scored = results.filter(({outcome}) => outcome === 'scored').length
  return (
    <details>
      <summary>
        Round {count(round.sequence)}, block {count(round.block)}, <Ago at={round.created_at} />:{' '}
        {plural(results.length, 'image')}, {count(scored)} scored
      </summary>
      <ul class="board plain round">
        {inOrder.map((result) => (
          <li key={result.hotkey}>
            <div class="name">
              <Miner hotkey={result.hotkey} uid={uidOf(result.hotkey)} plain />
            </div>
            <div class="rate">
              <span class="quiet">score</span> <span class="number">{figure('score', best(result)).text}</span>
            </div>
            {typeof result.reason === 'string' && <p class="explain">{sentence(result.reason)}</p>}
            <p class="chips">
              <Chip tone={result.outcome === 'scored' ? 'good' : 'bad'}>{result.outcome ?? 'unknown'}</Chip>
              {typeof result.isolation === 'string' && <Chip tone="plain">in {result.isolation}</Chip>}
              {(['quality', 'timeS'] as const).map((key) => {
                const value = result[key]
                if (typeof value !== 'number' || result.outcome !== 'scored') return null
                return <FigureChip key={key} name={key} value={value} />
              })}
            </p>
          </li>
        ))}
      </ul>
    </details>
  )
}
