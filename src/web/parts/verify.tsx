import {useEffect, useRef, useState} from 'preact/hooks'
import type {TaskResultsBody, VerdictsBody} from '../../api/views.js'
import type {SignedExam} from '../../domain/exam.js'
import type {SignedManifest} from '../../domain/task.js'
import {ask} from '../data.js'
import {plural} from '../format.js'
import type {Check} from '../verify-task.js'

interface Progress {
  readonly state: 'idle' | 'running' | 'done' | 'broken'
  readonly checks: readonly Check[]
}

const groups: Readonly<Record<Check['about'], string>> = {
  exam: 'The exam',
  manifest: 'The manifest',
  file: 'The files',
  verdict: 'The verdicts',
  vote: 'The vote, counted again',
}
/** Larger than any output may be; more is not read into a page. */
const maxBytes = 80_000_000

/** Repeats every check that a sceptic would make, and shows each as it is done. */
export function Verify({
  task,
  results,
  nameOf,
}: {
  task: SignedManifest
  results: TaskResultsBody | undefined
  nameOf: (hotkey: string) => string
}) {
  const [{state, checks}, set] = useState<Progress>({state: 'idle', checks: []})
  const isGone = useRef(false)
  useEffect(() => {
    isGone.current = false
    return () => {
      isGone.current = true
    }
  }, [])
  const run = async () => {
    set({state: 'running', checks: []})
    const found: Check[] = []
    try {
      const {verifyTask} = await import('../verify-task.js')
      for await (const check of verifyTask(await gather(task, results, nameOf))) {
        if (isGone.current) return
        found.push(check)
        set({state: 'running', checks: [...found]})
      }
      set({state: 'done', checks: found})
    } catch {
      set({state: 'broken', checks: found})
    }
  }
  const failed = checks.filter((check) => check.state === 'fails')
  const held = checks.filter((check) => check.state === 'holds')
  const skipped = checks.filter((check) => check.state === 'skipped')
  return (
    <div class="verify">
      <button type="button" class="strong" disabled={state === 'running'} onClick={() => void run()}>
        {state === 'running' ? 'Verifying …' : state === 'idle' ? 'Verify everything' : 'Verify again'}
      </button>
      <p role="status" class={`outcome ${state === 'done' ? (failed.length === 0 ? 'good' : 'bad') : ''}`}>
        {state === 'idle' && 'Checks hashes of all files, all signatures, and the vote. Nothing is taken on trust.'}
        {state === 'running' && `${plural(checks.length, 'check')} done`}
        {state === 'broken' && 'The API stopped answering before everything was checked.'}
        {state === 'done' &&
          (failed.length === 0
            ? `Genuine: ${plural(held.length, 'check')} held${skipped.length > 0 ? `, ${skipped.length} could not be made` : ''}.`
            : `${plural(failed.length, 'check')} failed.`)}
      </p>
      {checks.length > 0 &&
        Object.entries(groups).map(([about, name]) => {
          const own = checks.filter((check) => check.about === about)
          if (own.length === 0) return null
          const bad = own.filter((check) => check.state !== 'holds').length
          return (
            <details key={about} open={bad > 0}>
              <summary>
                {name}{' '}
                <span class="quiet number">
                  {own.length - bad === own.length ? `${own.length} hold` : `${own.length - bad} of ${own.length} hold`}
                </span>
              </summary>
              <ul class="checks">
                {own.map((check, index) => (
                  <li key={index} class={check.state}>
                    <span aria-hidden="true">
                      {check.state === 'holds' ? '✓' : check.state === 'fails' ? '✗' : '–'}
                    </span>
                    <span class="hidden">{check.state}: </span>
                    {check.says}
                  </li>
                ))}
              </ul>
            </details>
          )
        })}
    </div>
  )
}

/** Asked for anew, so that what is checked is what the API serves now. */
async function gather(task: SignedManifest, results: TaskResultsBody | undefined, nameOf: (hotkey: string) => string) {
  const {taskId, answers} = task.manifest
  const exam = await ask<SignedExam>('exam').catch(() => undefined)
  const judged = results?.settled ? answers.filter(({outcome}) => outcome === 'ok') : []
  const verdicts: VerdictsBody['verdicts'] = []
  for (const {hotkey} of judged)
    verdicts.push(...(await ask<VerdictsBody>(`tasks/${taskId}/verdicts/${hotkey}`)).verdicts)
  return {
    exam,
    task,
    verdicts,
    results: new Map<string, boolean | null>(results?.results.map((row) => [row.miner_hotkey, row.passed])),
    nameOf,
    bytesOf: async (path: string) => {
      // Not from this browser's cache: that would be checking itself.
      const response = await fetch(`media/${taskId}/${path}`, {cache: 'reload'}).catch(() => undefined)
      if (!response?.ok || Number(response.headers.get('content-length') ?? 0) > maxBytes) return undefined
      return response.arrayBuffer()
    },
  }
}
