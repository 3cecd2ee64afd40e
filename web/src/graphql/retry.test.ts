import { describe, expect, it, vi } from 'vitest'
import { Problem, serverUnreachable } from './problem'
import { IdempotentRequest, randomKey, withNetworkRetry } from './retry'

const soon = () => Promise.resolve()

describe('withNetworkRetry', () => {
  it('tries again while the server is not reached', async () => {
    const work = vi.fn<() => Promise<string>>().mockRejectedValueOnce(serverUnreachable()).mockResolvedValueOnce('sent')
    expect(await withNetworkRetry(work, soon)).toBe('sent')
  })

  it('gives up after some tries', async () => {
    const work = vi.fn(() => Promise.reject(serverUnreachable()))
    await expect(withNetworkRetry(work, soon)).rejects.toMatchObject({ code: 'NETWORK' })
    expect(work).toHaveBeenCalledTimes(4)
  })

  it('takes a refusal for an answer', async () => {
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
  const refused = (key: string) => (seen.push(key), Promise.reject(new Problem('RATE_LIMITED', 'Later.')))

  it.each([
    ['keeps the key for what may have arrived', [lost, fine], ['a', 'a'], ['key 1', 'key 1']],
    ['takes a new one for another text', [lost, fine], ['a', 'b'], ['key 1', 'key 2']],
    ['takes a new one after a refusal', [refused, fine], ['a', 'a'], ['key 1', 'key 2']],
    ['takes a new one for saying the same again', [fine, fine], ['a', 'a'], ['key 1', 'key 2']],
  ])('%s', async (_, sends, texts, keys) => {
    seen.length = 0
    const request = counting()
    for (const [index, send] of sends.entries()) await request.run([texts[index]], send).catch(() => undefined)
    expect(seen).toEqual(keys)
  })
})

it('keys are visible ASCII, and not the same twice', () => {
  expect(randomKey()).toMatch(/^[0-9a-f]{32}$/)
  expect(randomKey()).not.toBe(randomKey())
})
