export type Cell = string | number | null

/**
 * Rows as CSV (RFC 4180), with a byte order mark so that spreadsheets read it as UTF-8.
 *
 * Texts that a spreadsheet would run as a formula get an apostrophe in front: people choose what is in them.
 */
export function csv(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [header, ...rows].map((row) => row.map(cell).join(','))
  return `\uFEFF${lines.join('\r\n')}\r\n`
}

function cell(value: Cell): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
