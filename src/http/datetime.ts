/** RFC 3339 with `Z`. */
export function datetime(at: number | null | undefined): string | null {
  return at === null || at === undefined ? null : new Date(at).toISOString()
}

/** The other published style, under `/scores`. */
export function datetimeWithOffset(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString().replace('Z', '+00:00')
}
