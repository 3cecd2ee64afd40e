import { formatCount } from '../../format/numbers'

/** The part of the maximum length from which the character count is shown. */
const COUNT_FROM = 0.8

/** Returns the length in Unicode characters, as the server counts. */
export function textLength(text: string): number {
  return Array.from(text).length
}

/** Returns the length of a message: the server does not count the white space around it. */
export function messageLength(text: string): number {
  return textLength(text.trim())
}

/** Returns whether a length is so close to the maximum that it should be shown. */
export function isNearLimit(length: number, max: number): boolean {
  return length >= max * COUNT_FROM
}

/** Formats a length with its maximum: "5,000 / 1,000 characters". */
export function formatLength(length: number, max: number): string {
  return `${formatCount(length)} / ${formatCount(max)} characters`
}

/** Returns why a text is too long: "5,000 / 1,000 characters: shorten by 4,000"; null if it is not. */
export function excessLength(length: number, max: number): string | null {
  return length > max ? `${formatLength(length, max)}: shorten by ${formatCount(length - max)}` : null
}
