import type { Element } from 'hast'

/** Returns the code of a `pre` element and its language; null if it contains none. */
export function extractCode(pre: Element): { code: string; language: string | null } | null {
  const code = pre.children[0]
  if (code?.type !== 'element' || code.tagName !== 'code') return null
  const classes = Array.isArray(code.properties.className) ? code.properties.className : []
  const named = classes.map(String).find((name) => name.startsWith('language-'))
  const text = code.children.map((child) => (child.type === 'text' ? child.value : '')).join('')
  return { code: text.replace(/\n$/, ''), language: named?.slice('language-'.length) ?? null }
}
