import { expect, it } from 'vitest'
import { rewriteMathBrackets } from './mathBrackets'

const rewrite = (text: string) => rewriteMathBrackets(text, [])

it.each([
  ['a formula in a sentence', 'so \\(x_1 = 2\\) holds', 'so $$ x_1 = 2 $$ holds'],
  ['a formula on its own line', '\\[ x = 1 \\]', '$$\nx = 1\n$$'],
  ['a formula on several lines', '\\[\nx\n= 1\n\\]\nend', '$$\nx\n= 1\n$$\nend'],
  ['a formula in a list', '- a\n- \\[x\\]', '- a\n- $$\n  x\n  $$'],
  ['a formula in a numbered list', '1. \\[x\\]', '1. $$\n   x\n   $$'],
  ['a formula in a quote', '> \\[\n> x\n> \\]', '> $$\n> x\n> $$'],
  ['a display formula in a sentence', 'so \\[\nx\n\\] holds', 'so $$ x $$ holds'],
  ['dollars in a formula', '\\(\\text{$5 and $$6}\\)', '$$$ \\text{$5 and $$6} $$$'],
  ['line breaks of TeX', '\\(a \\\\[2pt] b\\)', '$$ a \\\\[2pt] b $$'],
])('rewrites %s', (_, text, expected) => {
  expect(rewrite(text)).toBe(expected)
})

it.each([
  ['an escaped backslash', '\\\\(x\\\\)'],
  ['a bracket that is not closed', '\\(x and \\[y'],
  ['a formula across paragraphs', '\\(x\n\ny\\)'],
  ['brackets in brackets', '\\(a \\(b'],
  ['empty brackets', '\\(\\) \\[ \\]'],
  ['other escapes', '\\* \\_ \\\\ \\'],
])('keeps %s', (_, text) => {
  expect(rewrite(text)).toBe(text)
})

it('keeps what is in the given ranges', () => {
  const text = '\\(a\\) CODE \\(b\\) CODE \\(c\\)'
  const ranges = [{ start: 6, end: 21 }]
  expect(rewriteMathBrackets(text, ranges)).toBe('$$ a $$ CODE \\(b\\) CODE $$ c $$')
})

it('takes little time for many open brackets', () => {
  const start = performance.now()
  rewrite('\\['.repeat(50_000))
  expect(performance.now() - start).toBeLessThan(1_000)
})
