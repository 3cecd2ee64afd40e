import { highlightParts } from '../format/highlight'

/** A text in which the words of a search are marked. */
export function Highlighted({ text, search }: { text: string; search: string }) {
  return highlightParts(text, search).map(({ text: part, isHit }, index) =>
    isHit ? <mark key={index}>{part}</mark> : <span key={index}>{part}</span>,
  )
}
