import { memo } from 'react'
import classes from './markdown.module.css'

/** About so many characters are laid out together. */
const PIECE = 8_000

/** A text as it is. In pieces: while a long one grows, only its last piece is laid out anew. */
export function PlainText({ text }: { text: string }) {
  return (
    <div>
      {pieces(text).map((piece, index) => (
        <Piece key={index} text={piece} />
      ))}
    </div>
  )
}

const Piece = memo(function Piece({ text }: { text: string }) {
  return <div className={classes.plain}>{text}</div>
})

/** Cut at ends of lines. */
function pieces(text: string): string[] {
  const cut: string[] = []
  let from = 0
  while (text.length - from > PIECE) {
    const end = text.indexOf('\n', from + PIECE)
    if (end < 0) break
    cut.push(text.slice(from, end))
    from = end + 1
  }
  return [...cut, text.slice(from)]
}
