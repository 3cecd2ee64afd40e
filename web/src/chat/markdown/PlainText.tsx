import { memo } from 'react'
import classes from './markdown.module.css'

/** The approximate length of a chunk, in UTF-16 units. */
const CHUNK_LENGTH = 8_000

/** A text without formatting, in chunks: while a long one grows, only its last chunk is laid out again. */
export function PlainText({ text }: { text: string }) {
  return (
    <div>
      {splitChunks(text).map((chunk, index) => (
        <Chunk key={index} text={chunk} />
      ))}
    </div>
  )
}

const Chunk = memo(function Chunk({ text }: { text: string }) {
  return (
    <div className={classes.plain} dir="auto">
      {text}
    </div>
  )
})

/** Splits a text at line breaks. */
function splitChunks(text: string): string[] {
  const chunks: string[] = []
  let from = 0
  while (text.length - from > CHUNK_LENGTH) {
    const end = text.indexOf('\n', from + CHUNK_LENGTH)
    if (end < 0) break
    chunks.push(text.slice(from, end))
    from = end + 1
  }
  return [...chunks, text.slice(from)]
}
