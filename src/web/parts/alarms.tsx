import type {AuditFinding, AuditReport} from '../../domain/audit.js'
import {useResource} from '../data.js'
import {capital, count, plural, words} from '../format.js'
import {addressOf} from '../router.js'
import {Ago, Chip, Panel} from './basics.js'

/** Findings that are drawn; the rest is a number, and in the API. */
const maxShown = 50

/** What the owner's own audit says of manifests, verdicts, rankings and weights. */
export function Alarms({nameOf}: {nameOf: (hotkey: string) => string}) {
  const audit = useResource<AuditReport>('audit', ['settled', 'rankings', 'block'])
  if (audit.error && audit.data === undefined)
    return (
      <Panel title="Alarms of the audit">
        <p class="quiet">
          {audit.error.status === 404
            ? 'The owner has not audited itself yet.'
            : 'The newest audit could not be had from the API.'}{' '}
          Anyone can make one: <code>leoma audit</code> checks every signature, hash and weight from public data.
        </p>
      </Panel>
    )
  if (audit.data === undefined) return null
  const {at, checks, counts, findings, range} = audit.data
  const looked = checks.reduce((sum, check) => sum + check.looked, 0)
  const alarms = findings.filter(({severity}) => severity !== 'info')
  const notes = findings.filter(({severity}) => severity === 'info')
  return (
    <Panel
      title="Alarms of the audit"
      note={
        <>
          {range ? `Tasks ${range.fromTask} to ${range.toTask}, looked at` : 'Looked at'} <Ago at={at} />.
        </>
      }
    >
      <p class="audit-sum">
        {counts.error > 0 ? (
          <Chip tone="bad">{plural(counts.error, 'error')}</Chip>
        ) : (
          <Chip tone="good">no errors</Chip>
        )}{' '}
        {counts.warning > 0 && <Chip tone="warn">{plural(counts.warning, 'warning')}</Chip>}{' '}
        {looked === 0
          ? 'There was nothing to look at yet.'
          : `${plural(looked, 'thing')} looked at${alarms.length === 0 ? ': every one is what it should be.' : '.'}`}
      </p>
      {alarms.length > 0 && (
        <ul class="alarms">
          {alarms.slice(0, maxShown).map((finding, index) => (
            <Alarm key={index} finding={finding} nameOf={nameOf} />
          ))}
        </ul>
      )}
      {alarms.length > maxShown && (
        <p class="quiet">
          and {count(alarms.length - maxShown)} more, in <a href="audit">the whole report</a>
        </p>
      )}
      <details>
        <summary>What was looked at</summary>
        <ul class="audit-checks">
          {checks.map(({check, looked: seen, differs}) => (
            <li key={check}>
              {capital(words(check))}{' '}
              <span class={differs > 0 ? 'number tone-bad' : 'number quiet'}>
                {differs > 0 ? `${count(differs)} of ${count(seen)} differ` : count(seen)}
              </span>
            </li>
          ))}
          {notes.slice(0, maxShown).map(({object, found}, index) => (
            <li key={index} class="quiet">
              Not looked at: {object}
              {found !== null && `, ${found}`}
            </li>
          ))}
        </ul>
        <p>
          <a href="audit">The whole report</a>; <code>leoma audit</code> makes your own.
        </p>
      </details>
    </Panel>
  )
}

function Alarm({
  finding: {severity, code, object, who, expected, found, remedy, task},
  nameOf,
}: {
  finding: AuditFinding
  nameOf: (hotkey: string) => string
}) {
  return (
    <li>
      <Chip tone={severity === 'error' ? 'bad' : 'warn'}>{severity}</Chip>
      <div>
        <b>{capital(words(code.toLowerCase()))}</b>
        {who !== null && (
          <>
            {' '}
            by <span title={who}>{nameOf(who)}</span>
          </>
        )}
        <p>{task === null ? <span>{object}</span> : <a href={addressOf(['task', String(task)])}>{object}</a>}</p>
        {(expected !== null || found !== null) && (
          <p class="quiet">
            {expected !== null && `expected ${expected}`}
            {expected !== null && found !== null && '; '}
            {found !== null && `found ${found}`}
          </p>
        )}
        {remedy !== null && <p>{remedy}</p>}
      </div>
    </li>
  )
}
