/** A part of a text, and whether it matches a search. */
export type TextPart = { text: string; isHit: boolean }

/** A letter with its accents. */
const LETTER = /.\p{M}*/gsu

/** Scripts without spaces between words. */
const WITHOUT_SPACES = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}]/u

/** Splits a text at the words of a search, ignoring case and accents; each matches at the start of a word. */
export function highlightParts(text: string, search: string): TextPart[] {
  const words = search
    .split(/\s+/)
    .map(foldedLetters)
    .filter((word) => word !== '')
  if (words.length === 0) return [{ text, isHit: false }]
  const letters = (text.match(LETTER) ?? []).map((letter) => ({ letter, folded: foldedLetters(letter) }))
  const hits = letters.map(() => false)
  letters.forEach((_, start) => {
    if (start > 0 && isWordLetter(letters[start - 1]?.letter)) return
    for (const word of words) {
      const length = matchLength(letters.slice(start), word)
      hits.fill(true, start, start + length)
    }
  })
  const parts: TextPart[] = []
  letters.forEach(({ letter }, index) => {
    const isHit = hits[index] ?? false
    const last = parts.at(-1)
    if (last?.isHit === isHit) last.text += letter
    else parts.push({ text: letter, isHit })
  })
  return parts
}

/** Returns how many letters make up a word; 0 if they do not begin with it. */
function matchLength(letters: readonly { folded: string }[], word: string): number {
  let matched = ''
  for (const [index, { folded }] of letters.entries()) {
    matched += folded
    if (!word.startsWith(matched)) return matched.startsWith(word) ? index + 1 : 0
    if (matched === word) return index + 1
  }
  return 0
}

function foldedLetters(text: string): string {
  return text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase()
}

function isWordLetter(letter: string | undefined): boolean {
  return letter !== undefined && /[\p{L}\p{N}\p{M}]/u.test(letter) && !WITHOUT_SPACES.test(letter)
}
