import { expect, it } from 'vitest'
import { deletionText } from './deletionText'

it('says what the deletion of a group writes off, and who pays then', () => {
  const rest = ' The ledger and the audit log keep their entries. This can’t be undone.'
  expect(deletionText({ memberCount: 2, balance: { tokens: 900, held: 0 } })).toBe(
    `Its balance of 900 tokens is written off. Its members pay from their own balances from then on.${rest}`,
  )
  expect(deletionText({ memberCount: 0, balance: { tokens: 0, held: 0 } })).toBe(`Its balance is empty.${rest}`)
})
