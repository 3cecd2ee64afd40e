import { expect, it } from 'vitest'
import { contactHref } from './contact'

it('links addresses of mail and of pages, and nothing else', () => {
  expect(contactHref('help@jeton.example')).toBe('mailto:help@jeton.example')
  expect(contactHref('https://jeton.example/help')).toBe('https://jeton.example/help')
  for (const text of ['Room 12', 'call 555 or help@jeton.example', 'javascript:alert(1)', 'a@b.c?cc=d@e.f', '@team']) {
    expect(contactHref(text)).toBeNull()
  }
})
