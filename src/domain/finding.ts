/** What one check of this machine, its configuration or somebody's service found. */
export interface Finding {
  /** `fail` must be mended, `warn` should be, `skipped` could not be asked or has nothing to ask. */
  readonly status: 'ok' | 'warn' | 'fail' | 'skipped'
  readonly detail: string
  /** What helps, most likely remedy first. */
  readonly hints: readonly string[]
}

export const ok = (detail: string): Finding => ({status: 'ok', detail, hints: []})
export const warn = (detail: string, ...hints: readonly string[]): Finding => ({status: 'warn', detail, hints})
export const fail = (detail: string, ...hints: readonly string[]): Finding => ({status: 'fail', detail, hints})
export const skipped = (detail: string): Finding => ({status: 'skipped', detail, hints: []})
