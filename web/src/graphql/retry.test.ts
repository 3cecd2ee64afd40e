import { describe, expect, it, vi } from 'vitest'
import { Problem, serverUnreachable } from './problem'
import { IdempotentRequest, randomKey, withNetworkRetry } from './retry'

const soon = () => Promise.resolve()

describe('withNetworkRetry', () => {
  it('retries while the server is unreachable', async () => {
    const work = vi.fn<() => Promise<string>>().mockRejectedValueOnce(serverUnreachable()).mockResolvedValueOnce('sent')
    expect(await withNetworkRetry(work, soon)).toBe('sent')
  })

  it('gives up after the last retry', async () => {
    const work = vi.fn(() => Promise.reject(serverUnreachable()))
    await expect(withNetworkRetry(work, soon)).rejects.toMatchObject({ code: 'NETWORK' })
    expect(work).toHaveBeenCalledTimes(4)
  })

  it('does not retry a rejection', async () => {
    const work = vi.fn(() => Promise.reject(new Problem('INSUFFICIENT_TOKENS', 'Too dear.')))
    await expect(withNetworkRetry(work, soon)).rejects.toMatchObject({ code: 'INSUFFICIENT_TOKENS' })
    expect(work).toHaveBeenCalledOnce()
  })
})

describe('IdempotentRequest', () => {
  function counting() {
    let keys = 0
    return new IdempotentRequest(() => `key ${++keys}`)
  }
  const seen: string[] = []
  const fine = (key: string) => Promise.resolve(void seen.push(key))
  const lost = (key: string) => (seen.push(key), Promise.reject(serverUnreachable()))
  const rejected = (key: string) => (seen.push(key), Promise.reject(new Problem('RATE_LIMITED', 'Later.')))

  it.each([
    ['keeps the key of a message that may have been received', [lost, fine], ['a', 'a'], ['key 1', 'key 1']],
    ['uses a new key for another text', [lost, fine], ['a', 'b'], ['key 1', 'key 2']],
    ['uses a new key after a rejection', [rejected, fine], ['a', 'a'], ['key 1', 'key 2']],
    ['uses a new key for the same text after a success', [fine, fine], ['a', 'a'], ['key 1', 'key 2']],
  ])('%s', async (_, sends, texts, keys) => {
    seen.length = 0
    const request = counting()
    for (const [index, send] of sends.entries()) await request.run([texts[index]], send).catch(() => undefined)
    expect(seen).toEqual(keys)
  })
})

it('generates unique keys of visible ASCII', () => {
  expect(randomKey()).toMatch(/^[0-9a-f]{32}$/)
  expect(randomKey()).not.toBe(randomKey())
})
