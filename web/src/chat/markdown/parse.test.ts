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

  it('omits source positions', () => {
    expect(JSON.stringify(parse('a **b**'))).not.toContain('position')
  })
})

function elements(tree: Root | null): Element[] {
  const within = (node: Root | Element): Element[] =>
    node.children.flatMap((child) => (child.type === 'element' ? [child, ...within(child)] : []))
  return tree ? within(tree) : []
}
