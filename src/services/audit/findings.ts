import type {AuditCheck, AuditFinding, AuditSeverity} from '../../domain/audit.js'

/** Findings that a report holds: a damaged archive has thousands, and the first few hundred say it all. */
const maxFindings = 400

export type NewFinding = Pick<AuditFinding, 'code' | 'object'> &
  Partial<Omit<AuditFinding, 'code' | 'object' | 'severity'>>

/** What an audit has looked at and what it found, counted by kind of check. */
export class Findings {
  readonly #found: AuditFinding[] = []
  readonly #checks = new Map<string, {looked: number; differs: number}>()
  readonly #seen = new Set<string>()
  readonly #counts: Record<AuditSeverity, number> = {error: 0, warning: 0, info: 0}

  looked(check: string, count = 1): void {
    const known = this.#checks.get(check) ?? {looked: 0, differs: 0}
    this.#checks.set(check, {...known, looked: known.looked + count})
  }

  error(check: string, finding: NewFinding): void {
    this.#add(check, 'error', finding)
  }

  warning(check: string, finding: NewFinding): void {
    this.#add(check, 'warning', finding)
  }

  info(check: string, finding: NewFinding): void {
    this.#add(check, 'info', finding)
  }

  counts(): Readonly<Record<AuditSeverity, number>> {
    return {...this.#counts}
  }

  checks(): AuditCheck[] {
    return [...this.#checks].map(([check, {looked, differs}]) => ({check, looked, differs}))
  }

  /** Errors first, each kind in the order in which it was found. */
  list(): AuditFinding[] {
    const of = (severity: AuditSeverity) => this.#found.filter((finding) => finding.severity === severity)
    return [...of('error'), ...of('warning'), ...of('info')]
  }

  #add(check: string, severity: AuditSeverity, {code, object, ...rest}: NewFinding): void {
    const key = `${code} ${object} ${rest.expected ?? ''}`
    if (this.#seen.has(key)) return
    this.#seen.add(key)
    this.#counts[severity]++
    const known = this.#checks.get(check) ?? {looked: 0, differs: 0}
    if (severity !== 'info') this.#checks.set(check, {...known, differs: known.differs + 1})
    else if (!this.#checks.has(check)) this.#checks.set(check, known)
    // Room is kept for errors: a thousand warnings must not hide one.
    const limit = severity === 'error' ? maxFindings : maxFindings / 2
    if (this.#found.length >= limit) return
    this.#found.push({
      severity,
      code,
      object: object.slice(0, 300),
      who: rest.who ?? null,
      expected: cut(rest.expected),
      found: cut(rest.found),
      remedy: rest.remedy?.slice(0, 300) ?? null,
      task: rest.task ?? null,
    })
  }
}

function cut(text: string | null | undefined): string | null {
  if (text === null || text === undefined) return null
  return text.length <= 600 ? text : `${text.slice(0, 599).toWellFormed()}…`
}
