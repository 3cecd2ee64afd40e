/** Returns the part of a text around the first match of a search, on one line. */
export function excerpt(text: string, search: string, length: number): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  if (line.length <= length) return line
  const lower = line.toLowerCase()
  const found = search
    .toLowerCase()
    .split(/\s+/)
    .map((word) => lower.indexOf(word))
    .filter((at) => at >= 0)
  const first = found.length > 0 ? Math.min(...found) : 0
  const start = Math.max(0, Math.min(first - Math.floor(length / 4), line.length - length))
  const end = start + length
  return `${start > 0 ? '…' : ''}${line.slice(start, end)}${end < line.length ? '…' : ''}`
}
