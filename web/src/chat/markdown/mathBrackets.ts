/** A part of the source that is no formula, such as code: from a start to an end, exclusive. */
export type Range = { start: number; end: number }

/** A formula in brackets. */
type Formula = Range & { tex: string; isDisplay: boolean }

/** The maximum length of a formula between brackets; what is longer is taken for text. */
const MAX_LENGTH = { inline: 1_000, display: 8_000 }

/** Returns whether a text may contain formulas in `\( \)` or `\[ \]`. */
export function hasMathBrackets(text: string): boolean {
  return text.includes('\\(') || text.includes('\\[')
}

/**
 * Rewrites formulas in `\( \)` and `\[ \]` to dollars, which the parser knows. Apart from the given ranges, in order, and
 * from brackets whose backslash is escaped.
 */
export function rewriteMathBrackets(text: string, ranges: readonly Range[]): string {
  let result = ''
  let copied = 0
  for (const formula of findFormulas(text, ranges)) {
    const lineStart = text.lastIndexOf('\n', formula.start - 1) + 1
    const lineEnd = text.indexOf('\n', formula.end)
    const before = text.slice(lineStart, formula.start)
    const after = text.slice(formula.end, lineEnd < 0 ? text.length : lineEnd)
    const isAlone = formula.isDisplay && copied <= lineStart && CONTAINERS.test(before) && after.trim() === ''
    result += text.slice(copied, formula.start)
    result += isAlone ? block(formula.tex, before) : inline(formula.tex)
    copied = formula.end
  }
  return result + text.slice(copied)
}

/** The marks of quotes and list items before a block. */
const CONTAINERS = /^[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+|>)*[ \t]*$/

/** Returns a block that continues the containers of its first line. */
function block(tex: string, before: string): string {
  const indent = before.replaceAll(/[^>\t]/g, ' ')
  // The other lines of the formula have their marks already.
  const first = /^[ \t]*\n/.test(tex) ? '' : indent
  const lines = tex
    .replace(/^[ \t]*\n?/, '')
    .replace(/\n[ \t>]*$/, '')
    .trimEnd()
  return `$$\n${first}${lines}\n${indent}$$`
}

/** Returns a formula within a paragraph. Line breaks would begin other blocks. */
function inline(tex: string): string {
  const longest = Math.max(1, ...Array.from(tex.matchAll(/\$+/g), ([run]) => run.length))
  const fence = '$'.repeat(longest + 1)
  return `${fence} ${tex.replaceAll(/\s*\n[ \t>]*/g, ' ').trim()} ${fence}`
}

function* findFormulas(text: string, ranges: readonly Range[]): Generator<Formula> {
  let at = 0
  let next = 0
  for (;;) {
    at = text.indexOf('\\', at)
    if (at < 0) return
    while (next < ranges.length && (ranges[next]?.end ?? 0) <= at) next++
    const range = ranges[next]
    if (range && range.start <= at) {
      at = range.end
      continue
    }
    const formula = formulaAt(text, at, range?.start ?? text.length)
    if (formula) yield formula
    // Otherwise the character after the backslash is escaped.
    at = formula ? formula.end : at + 2
  }
}

/** Returns the formula that starts here; null if there is none before the limit. */
function formulaAt(text: string, start: number, limit: number): Formula | null {
  const opening = text.charAt(start + 1)
  if (opening !== '(' && opening !== '[') return null
  const isDisplay = opening === '['
  const closing = isDisplay ? ']' : ')'
  const end = Math.min(limit, start + 2 + (isDisplay ? MAX_LENGTH.display : MAX_LENGTH.inline))
  for (let at = start + 2; at < end - 1; at++) {
    if (text.charAt(at) !== '\\') continue
    // Formulas do not nest; without this many open brackets would take a long time.
    if (text.charAt(at + 1) === opening) return null
    if (text.charAt(at + 1) === closing) {
      const tex = text.slice(start + 2, at)
      // Paragraphs end at an empty line.
      if (tex.trim() === '' || (!isDisplay && /\n[ \t]*\n/.test(tex))) return null
      return { start, end: at + 2, tex, isDisplay }
    }
    at++
  }
  return null
}
