import { formatCount } from '../../format/numbers'
import { formatLength, messageLength } from './length'

/** The text of a file, or the reason why it cannot be inserted. */
export type FileText = { text: string } | { problem: string }

type NamedBlob = Pick<File, 'name' | 'size' | 'arrayBuffer'>

/** The maximum size of a character in UTF-8. */
const MAX_BYTES = 4

/**
 * Reads a file for a message that has this text already, and a maximum length. Files that are not UTF-8 text, or too
 * long, are refused.
 */
export async function readTextFile(file: NamedBlob, message: string, maxLength: number): Promise<FileText> {
  const tooLong = (reason: string) => ({ problem: `${file.name} is too long to insert: ${reason}.` })
  // White space at the ends does not count, but nobody sends a megabyte of it.
  if (file.size > maxLength * MAX_BYTES * 2) return tooLong(`a message takes ${formatCount(maxLength)} characters`)
  const text = decode(await file.arrayBuffer())
  if (text === null) return { problem: `${file.name} is not a text file. Other files are not supported yet.` }
  if (text.trim() === '') return { problem: `${file.name} is empty.` }
  const length = messageLength(message + text)
  if (length > maxLength) return tooLong(formatLength(length, maxLength))
  return { text }
}

function decode(bytes: ArrayBuffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.includes('\0') ? null : text.replaceAll('\r\n', '\n')
  } catch {
    return null
  }
}
