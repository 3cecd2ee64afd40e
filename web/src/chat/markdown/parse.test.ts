import type { Element, Root } from 'hast'
import { describe, expect, it } from 'vitest'
import { parse } from './parse'

const shapes: [string, string][] = [
  ['deep quotes', '>'.repeat(3000)],
  ['deep lists', `${'- '.repeat(300)}x`],
  ['a table with padded rows', `|${'a|'.repeat(1000)}\n|${'-|'.repeat(1000)}\n${'x\n'.repeat(5000)}`],
  ['many elements', 'a\n\n'.repeat(10_500)],
]

describe('parse', () => {
  it.each(shapes)('rejects %s without an error', { timeout: 60_000 }, (_, text) => {
    expect(parse(text)).toBeNull()
  })

  it('formats tables, lists and code', () => {
    const tree = parse('# Title\n\n- one\n- `two`\n\n|a|b|\n|-|-|\n|1|2|\n\n```rust\nfn main() {}\n```')
    const names = elements(tree).map(({ tagName }) => tagName)
    for (const name of ['h1', 'ul', 'li', 'code', 'table', 'td', 'pre']) expect(names).toContain(name)
  })

  it('keeps raw HTML as text', () => {
    const tree = parse('a <img src=x onerror=alert(1)> b')
    expect(elements(tree).map(({ tagName }) => tagName)).toEqual(['p'])
    expect(JSON.stringify(tree)).toContain('<img src=x onerror=alert(1)>')
  })

  it('empties rejected URLs', () => {
    const tree = parse('[a](javascript:alert) [b](https://example.org) ![c](data:image/png;base64,x)')
    const addresses = elements(tree).flatMap(({ properties }) => [properties.href ?? properties.src ?? []].flat())
    expect(addresses).toEqual(['', 'https://example.org', ''])
  })

  it('finds formulas in dollars and in brackets', () => {
    const tree = parse('a \\(x_1\\) b $$y$$\n\n\\[\nz\n= 1\n\\]\n\n$$\nw\n$$')
    const formulas = elements(tree).filter(({ properties }) => [properties.className].flat().includes('language-math'))
    expect(formulas.map(({ children }) => children)).toEqual(
      ['x_1', 'y', 'z\n= 1', 'w'].map((value) => [{ type: 'text', value }]),
    )
  })

  it('leaves formulas as their source if there are too many', () => {
    expect(JSON.stringify(parse('$$x$$ '.repeat(500)))).toContain('language-math')
    expect(JSON.stringify(parse('$$x$$ '.repeat(501)))).not.toContain('language-math')
  })

  it('finds no formulas in code and in sums of money', () => {
    const text = 'It costs $5 and $10. `\\(a\\)` and \\\\(b\\\\)\n\n```\n\\[c\\]\n```\n\n    \\(d\\)'
    const tree = parse(text)
    expect(JSON.stringify(tree)).not.toContain('math')
    const texts = JSON.stringify(tree)
    for (const part of ['$5 and $10', '\\(a\\)', '\\[c\\]', '\\(d\\)'])
      expect(texts).toContain(JSON.stringify(part).slice(1, -1))
  })

  it('gives the outermost blocks the direction of their text', () => {
    const tree = parse('مرحبا\n\n- one\n\n```\ncode\n```')
    const directed = elements(tree).filter(({ properties }) => properties.dir === 'auto')
    expect(directed.map(({ tagName }) => tagName)).toEqual(['p', 'ul'])
  })

  it('omits source positions', () => {
    expect(JSON.stringify(parse('a **b**'))).not.toContain('position')
  })
})

function elements(tree: Root | null): Element[] {
  const within = (node: Root | Element): Element[] =>
    node.children.flatMap((child) => (child.type === 'element' ? [child, ...within(child)] : []))
  return tree ? within(tree) : []
}
