/** A cell of a table for spreadsheets: texts that people wrote may be formulas, numbers and times are as they are. */
export type CsvCell = string | number | boolean | null

/** What spreadsheets run as a formula, also after characters that they skip. */
const FORMULA = /^[\s\p{C}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/u

/** Formats rows as CSV (RFC 4180), with the byte order mark by which spreadsheets detect UTF-8. */
export function formatCsv(header: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return `\uFEFF${[header, ...rows].map((row) => `${row.map(formatCell).join(',')}\r\n`).join('')}`
}

function formatCell(cell: CsvCell): string {
  if (typeof cell !== 'string') return cell === null ? '' : String(cell)
  const text = FORMULA.test(cell) || /^[\t\r\n]/.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
