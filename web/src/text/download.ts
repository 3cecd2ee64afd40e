export type FileKind = 'csv' | 'json' | 'markdown'

export const FILES: Record<FileKind, { extension: string; type: string; start: string }> = {
  // Spreadsheets read it as UTF-8 where it begins with a byte order mark.
  csv: { extension: 'csv', type: 'text/csv', start: '\uFEFF' },
  json: { extension: 'json', type: 'application/json', start: '' },
  markdown: { extension: 'md', type: 'text/markdown', start: '' },
}

/** Saves a file from the page. */
export function download(parts: string[], name: string, type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has taken the file by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** "jeton-ledger-2026-01-31.csv". */
export function fileName(what: string, extension: string, now: Date): string {
  return `jeton-${what}-${now.toISOString().slice(0, 10)}.${extension}`
}
