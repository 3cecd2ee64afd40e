/** Returns whether a message contains a fenced block of code. */
export function hasCodeBlock(message: string): boolean {
  return /^ {0,3}(?:`{3}|~{3})/m.test(message)
}
