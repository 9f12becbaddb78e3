import {useEffect, useMemo, useRef, useState} from 'preact/hooks'
import type {TaskResultsBody} from '../../api/views.js'
import type {Answer as MinerAnswer, TaskManifest} from '../../domain/task.js'
import {bytes, count, outcomeWords, plural, seconds, short} from '../format.js'
import {Chip, Miner, Panel} from './basics.js'
import {Result} from './miner-verdicts.js'
import {type PlayState, Together} from './player.js'
import {Controls} from './player-controls.js'
import {Verdicts} from './verdicts.js'

/** Videos that are loaded at first; a phone need not fetch those of a whole subnet. */
const firstVideos = 5
const moreVideos = 6

function moreWords(left: number): string {
  if (left > moreVideos) return `Show ${moreVideos} more of the ${count(left)} other outputs`
  return left === 1 ? 'Show the last output' : `Show the other ${left} outputs`
}

export interface OutputRow {
  readonly answer: MinerAnswer
  readonly passed: boolean | null
  readonly score: number | null
  readonly votes: readonly (readonly [validator: number, passed: boolean, overall: number])[]
}

/** Those that passed first, by score; then the rejected, then those who sent nothing. */
export function orderOutputs(manifest: TaskManifest, {results}: TaskResultsBody): OutputRow[] {
  const byMiner = new Map(results.map((row) => [row.miner_hotkey as string, row]))
  const weight = ({answer, passed}: OutputRow) =>
    answer.outcome === 'ok' ? (passed === true ? 0 : 1) : answer.output ? 2 : 3
  return manifest.answers
    .map((answer): OutputRow => {
      const result = byMiner.get(answer.hotkey)
      return {answer, passed: result?.passed ?? null, score: result?.score ?? null, votes: result?.votes ?? []}
    })
    .sort((a, b) => weight(a) - weight(b) || (b.score ?? -1) - (a.score ?? -1) || a.answer.uid - b.answer.uid)
}

/** The original and the outputs side by side, playing and scrubbing in step. */
export function Outputs({manifest, results}: {manifest: TaskManifest; results: TaskResultsBody}) {
  const [state, setState] = useState<PlayState>({isPlaying: false, at: 0, length: 0})
  const [shown, setShown] = useState(firstVideos)
  const together = useRef<Together>(undefined)
  together.current ??= new Together(setState)
  useEffect(() => () => together.current?.close(), [])
  const rows = useMemo(() => orderOutputs(manifest, results), [manifest, results])
  const playable = rows.filter(({answer}) => answer.output !== null)
  const silent = rows.filter(({answer}) => answer.output === null)
  const player = together.current
  return (
    <Panel
      title="Side by side"
      note="The original was hidden from the miners. Space plays, the arrow keys go frame by frame."
      class="side-by-side"
    >
      <Controls player={player} state={state} />
      <ul class="videos">
        <li class="original">
          <Video name="original" src={`media/${manifest.taskId}/clip.mp4`} label="The original clip" player={player} />
          <div class="caption">
            <b>The original</b>
            <a href={`media/${manifest.taskId}/clip.mp4?download`} download>
              Download <small>{bytes(manifest.clip.sizeBytes)}</small>
            </a>
          </div>
        </li>
        {playable.slice(0, shown).map((row) => (
          <OutputCard
            key={row.answer.hotkey}
            row={row}
            taskId={manifest.taskId}
            player={player}
            validators={results.validators}
          />
        ))}
      </ul>
      {playable.length > shown && (
        <button type="button" onClick={() => setShown(shown + moreVideos)}>
          {moreWords(playable.length - shown)}
        </button>
      )}
      {silent.length > 0 && (
        <>
          <h3>{plural(silent.length, 'miner')} sent nothing that could be kept</h3>
          <ul class="silent">
            {silent.slice(0, 300).map(({answer}) => (
              <li key={answer.hotkey}>
                <Miner hotkey={answer.hotkey} uid={answer.uid} /> <Result passed={null} outcome={answer.outcome} />
                {answer.reason !== null && <span class="quiet"> {answer.reason}</span>}
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  )
}

function OutputCard({
  row: {answer, passed, score, votes},
  taskId,
  player,
  validators,
}: {
  row: OutputRow
  taskId: number
  player: Together
  validators: readonly string[]
}) {
  const [isOpen, open] = useState(false)
  const path = `media/${taskId}/outputs/${answer.hotkey}.mp4`
  return (
    <>
      <li class={passed === true ? 'passed' : ''}>
        <Video name={answer.hotkey} src={path} label={`Output of uid ${answer.uid}`} player={player} />
        <div class="caption">
          <Miner hotkey={answer.hotkey} uid={answer.uid} />
          <span class="verdict-word">
            <Result passed={passed} outcome={answer.outcome} />
            {score !== null && <b class="number">{Math.round(score)}</b>}
          </span>
        </div>
        {answer.reason !== null && <p class="reason">{answer.reason}</p>}
        {votes.length > 0 && (
          <ul class="votes" aria-label="Verdicts by validator">
            {votes.map(([validator, said, overall]) => (
              <li key={validator} class={said ? 'pass' : 'fail'} title={validators[validator] ?? ''}>
                <span class="hidden">Validator {short(validators[validator] ?? '')} </span>
                {said ? 'pass' : 'fail'} <b class="number">{overall}</b>
              </li>
            ))}
          </ul>
        )}
        <div class="caption">
          {votes.length > 0 && (
            <button type="button" class="small" aria-expanded={isOpen} onClick={() => open(!isOpen)}>
              Why
            </button>
          )}
          <span class="quiet number">{seconds(answer.latencyMs)}</span>
          <a href={`${path}?download`} download>
            Download <small>{bytes(answer.output?.sizeBytes ?? 0)}</small>
          </a>
        </div>
        {answer.outcome !== 'ok' && !answer.outcome.startsWith('rejected:') && (
          <Chip tone="plain">{outcomeWords(answer.outcome)}</Chip>
        )}
      </li>
      {isOpen && (
        <li class="reasons">
          <h3>What the validators said of uid {answer.uid}</h3>
          <Verdicts taskId={taskId} hotkey={answer.hotkey} />
        </li>
      )}
    </>
  )
}

function Video({name, src, label, player}: {name: string; src: string; label: string; player: Together}) {
  const [isBroken, setBroken] = useState(false)
  if (isBroken)
    return <div class="no-media">No video here: the file is gone or unreadable, or the API does not answer.</div>
  return (
    <video
      ref={(video) => player.set(name, video)}
      src={src}
      aria-label={label}
      muted
      playsInline
      preload="auto"
      width="832"
      height="480"
      onError={() => setBroken(true)}
    />
  )
}
