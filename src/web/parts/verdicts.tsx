import type {VerdictsBody} from '../../api/views.js'
import {gateWords} from '../../domain/plain-words.js'
import type {SignedVerdict} from '../../domain/verdict.js'
import {useResource} from '../data.js'
import {capital, short, words} from '../format.js'
import {Answer, Chip} from './basics.js'

/** What each validator said of one output, in its own words. */
export function Verdicts({taskId, hotkey}: {taskId: number; hotkey: string}) {
  const verdicts = useResource<VerdictsBody>(`tasks/${taskId}/verdicts/${hotkey}`)
  return (
    <Answer of={verdicts}>
      {(data) => (
        <div class="verdicts">
          {data.verdicts.length === 0 && <p class="quiet">Nobody has judged this output.</p>}
          {data.verdicts.map((signed) => (
            <VerdictCard key={signed.verdict.validator} signed={signed} />
          ))}
        </div>
      )}
    </Answer>
  )
}

function VerdictCard({signed: {verdict, signature}}: {signed: SignedVerdict}) {
  return (
    <article class="verdict">
      <header>
        <span>
          Validator <code title={verdict.validator}>{short(verdict.validator)}</code>
        </span>
        <Chip tone={verdict.passed ? 'good' : 'bad'}>
          {verdict.passed ? 'passed' : 'failed'} <b class="number">{verdict.overall}</b>
        </Chip>
      </header>
      {verdict.gate !== null && <p class="notice warn">It was rejected here, for {gateWords(verdict.gate)}.</p>}
      <p>{verdict.reasoning === '' ? 'No reasons given.' : verdict.reasoning}</p>
      <ul class="aspects">
        {Object.entries(verdict.aspects).map(([aspect, score]) => (
          <li key={aspect}>
            <span>{capital(words(aspect))}</span>
            <svg class="bar plain" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
              <rect class="rail" width="100" height="6" />
              <rect class="fill" width={score} height="6" />
            </svg>
            <span class="number">{score}</span>
          </li>
        ))}
      </ul>
      <Points name="Good" of={verdict.strengths} />
      <Points name="Bad" of={verdict.issues} />
      <p class="quiet fine">
        Judge {verdict.judge.name} {verdict.judge.version}, confidence {verdict.confidence}, signature{' '}
        <code title={signature}>{signature.slice(0, 18)}…</code>
      </p>
    </article>
  )
}

function Points({name, of}: {name: string; of: readonly string[]}) {
  if (of.length === 0) return null
  return (
    <div class="points">
      <b>{name}</b>
      <ul>
        {of.map((text, index) => (
          <li key={index}>{text}</li>
        ))}
      </ul>
    </div>
  )
}
