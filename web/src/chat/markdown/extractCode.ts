import type { Element } from 'hast'

/** The code and its language of a `pre` element; null for one that is something else. */
export function extractCode(pre: Element): { code: string; language: string | null } | null {
  const code = pre.children[0]
  if (code?.type !== 'element' || code.tagName !== 'code') return null
  const classes = Array.isArray(code.properties.className) ? code.properties.className : []
  const named = classes.map(String).find((name) => name.startsWith('language-'))
  const text = code.children.map((child) => (child.type === 'text' ? child.value : '')).join('')
  return { code: text.replace(/\n$/, ''), language: named?.slice('language-'.length) ?? null }
}
