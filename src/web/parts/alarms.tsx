import {useResource} from '../data.js'
import {words} from '../format.js'
import {Ago, Chip, Panel} from './basics.js'

/** One thing that an audit found; fields that another version has are left alone. */
interface Finding {
  readonly severity?: string
  readonly code?: string
  readonly object?: string
  readonly who?: string | null
  readonly expected?: unknown
  readonly found?: unknown
  readonly remedy?: string | null
}

/** What the owner's own audit says of manifests, verdicts and weights. */
export function Alarms() {
  const audit = useResource<unknown>('audit', ['settled', 'rankings'])
  if (audit.error?.status === 404)
    return (
      <Panel title="Alarms of the audit">
        <p class="quiet">
          This API publishes no audit. Anyone can make one: <code>leoma audit</code> checks every signature, hash and
          weight from public data.
        </p>
      </Panel>
    )
  if (audit.data === undefined) return null
  const {findings, at} = readAudit(audit.data)
  return (
    <Panel
      title="Alarms of the audit"
      note={
        at === undefined ? undefined : (
          <>
            Newest look <Ago at={at} />.
          </>
        )
      }
    >
      {findings.length === 0 ? (
        <p>
          <Chip tone="good">clean</Chip> Every signature, hash and weight that was looked at is what it should be.
        </p>
      ) : (
        <ul class="alarms">
          {findings.slice(0, 100).map((finding, index) => (
            <li key={index}>
              <Chip tone={finding.severity === 'error' || finding.severity === 'alarm' ? 'bad' : 'warn'}>
                {finding.severity ?? 'finding'}
              </Chip>
              <div>
                <b>{words(finding.code ?? 'unknown')}</b>{' '}
                {finding.object !== undefined && <code>{finding.object}</code>}
                {typeof finding.who === 'string' && <span> by {finding.who}</span>}
                {finding.expected !== undefined && (
                  <p class="quiet">
                    expected {textOf(finding.expected)}, found {textOf(finding.found)}
                  </p>
                )}
                {typeof finding.remedy === 'string' && <p>{finding.remedy}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}

const textOf = (value: unknown) =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')).slice(0, 200)

function readAudit(body: unknown): {findings: readonly Finding[]; at: string | undefined} {
  const {
    findings,
    at,
    finished_at: finishedAt,
  } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown> // Any of these may be missing.
  const time = [at, finishedAt].find((value) => typeof value === 'string') as string | undefined // Just looked at.
  return {
    findings: Array.isArray(findings)
      ? (findings.filter((item) => typeof item === 'object' && item !== null) as Finding[])
      : [],
    at: time,
  }
}
