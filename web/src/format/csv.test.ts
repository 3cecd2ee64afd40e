import { expect, it } from 'vitest'
import { formatCsv } from './csv'

it('quotes cells for spreadsheets, and lets no text be a formula', () => {
  const rows = [
    ['plain', 'a, "b"', '=1+1', ' @sum', 'a\nb'],
    [-5, true, null, '2026-01-31T12:00:00Z', '＝1'],
  ]
  expect(formatCsv(['a', 'b', 'c', 'd', 'e'], rows)).toBe(
    '\uFEFFa,b,c,d,e\r\nplain,"a, ""b""",\'=1+1,\' @sum,"a\nb"\r\n-5,true,,2026-01-31T12:00:00Z,\'＝1\r\n',
  )
})
