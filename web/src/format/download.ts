export type FileKind = 'csv' | 'json' | 'markdown'

export const FILES: Record<FileKind, { extension: string; type: string }> = {
  // The server adds the byte order mark by which spreadsheets detect UTF-8.
  csv: { extension: 'csv', type: 'text/csv' },
  json: { extension: 'json', type: 'application/json' },
  markdown: { extension: 'md', type: 'text/markdown' },
}

/** Downloads a file that is in memory. */
export function download(chunks: string[], name: string, type: string): void {
  const url = URL.createObjectURL(new Blob(chunks, { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The browser has read the file by then.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

/** Returns the name of a file: "jeton-ledger-2026-01-31.csv". */
export function fileName(name: string, extension: string, now: Date): string {
  return `jeton-${name}-${now.toISOString().slice(0, 10)}.${extension}`
}
