import { CombinedError } from '@urql/core'
import { describe, expect, it } from 'vitest'
import { PagedList, type Page } from './pagedList'
import { Problem, problemOfCombinedError, problemOfUserErrors, problemText } from './problem'
import { retryDelay } from './socket'

type Row = { id: string }

function page(ids: string, endCursor: string | null = null): Page<Row> {
  return { nodes: Array.from(ids, (id) => ({ id })), pageInfo: { endCursor, hasNextPage: endCursor !== null } }
}

const ids = (list: PagedList<Row>) => list.state.rows.map(({ id }) => id).join('')
const settled = () => new Promise((resolve) => setTimeout(resolve))

describe('PagedList', () => {
  it('appends pages, without duplicate rows', async () => {
    const list = new PagedList<Row>()
    list.start((after) => Promise.resolve(after === null ? page('abc', 'c') : page('cd')))
    await settled()
    list.loadMore()
    await settled()
    expect(ids(list)).toBe('abcd')
    expect(list.state.hasMore).toBe(false)
  })

  it('drops the response to an outdated request', async () => {
    const list = new PagedList<Row>()
    let answer: (page: Page<Row>) => void = () => undefined
    list.start(() => new Promise((resolve) => (answer = resolve)))
    list.start(() => Promise.resolve(page('new')))
    await settled()
    answer(page('old'))
    await settled()
    expect(ids(list)).toBe('new')
  })

  it('applies changes to a response that was on its way', async () => {
    const list = new PagedList<Row>()
    let answer: (page: Page<Row>) => void = () => undefined
    list.start(() => new Promise((resolve) => (answer = resolve)))
    list.change((rows) => [{ id: 'x' }, ...rows.filter(({ id }) => id !== 'x')])
    expect(ids(list)).toBe('x')
    answer(page('ab'))
    await settled()
    expect(ids(list)).toBe('xab')
    list.start(() => Promise.resolve(page('xab')))
    await settled()
    expect(ids(list)).toBe('xab')
  })

  it('keeps its rows if the next page fails', async () => {
    const list = new PagedList<Row>()
    list.start((after) => (after === null ? Promise.resolve(page('a', 'a')) : Promise.reject(new Error('broken'))))
    await settled()
    list.loadMore()
    await settled()
    expect(ids(list)).toBe('a')
    expect(list.state.problem?.message).toBe('broken')
  })
})

describe('PagedList.remove', () => {
  it('reduces the total', async () => {
    const list = new PagedList<Row>()
    list.start(() => Promise.resolve({ ...page('abc'), totalCount: 3 }))
    await settled()
    list.remove(new Set(['b', 'x']))
    expect(ids(list)).toBe('ac')
    expect(list.state.total).toBe(2)
  })

  it('loads the next page if no row is left', async () => {
    const list = new PagedList<Row>()
    list.start((after) => Promise.resolve(after === null ? page('ab', 'b') : page('cd')))
    await settled()
    list.remove(new Set(['a', 'b']))
    await settled()
    expect(ids(list)).toBe('cd')
  })
})

describe('Problem', () => {
  it('has the code and the delay of the error', () => {
    const graphQLErrors = [{ message: 'Slow down.', extensions: { code: 'RATE_LIMITED', retryAfter: 3 } }]
    expect(problemOfCombinedError(new CombinedError({ graphQLErrors }))).toMatchObject({
      code: 'RATE_LIMITED',
      message: 'Slow down.',
      retryAfter: 3,
    })
  })

  it('reports an unreachable server', () => {
    expect(problemOfCombinedError(new CombinedError({ networkError: new TypeError('Failed to fetch') })).code).toBe(
      'NETWORK',
    )
  })

  it('has what is missing of a balance', () => {
    const error = { code: 'INSUFFICIENT_TOKENS', field: null, message: 'Insufficient tokens.' } as const
    expect(problemOfUserErrors([{ ...error, required: 31, available: 3 }])?.shortage).toEqual({
      required: 31,
      available: 3,
    })
    expect(problemOfUserErrors([{ ...error, required: null, available: null }])?.shortage).toBeNull()
    expect(problemOfUserErrors([error])?.shortage).toBeNull()
  })

  it('has a message for each field', () => {
    expect(problemOfUserErrors([])).toBeNull()
    const errors = [
      { code: 'INVALID_INPUT', field: 'username', message: 'Taken.' },
      { code: 'INVALID_INPUT', field: 'password', message: 'Too short.' },
    ] as const
    expect(problemOfUserErrors(errors)).toMatchObject({
      message: 'Taken. Too short.',
      fields: { username: 'Taken.', password: 'Too short.' },
    })
  })

  it('keeps all errors of a field, one a line', () => {
    const error = { code: 'INVALID_INPUT', field: 'password' } as const
    const errors = ['Too short.', 'Too common.'].map((message) => ({ ...error, message }))
    expect(problemOfUserErrors(errors)?.fields).toEqual({ password: 'Too short.\nToo common.' })
  })

  it('says when to retry once, in words', () => {
    const text = (message: string, retryAfter: number) =>
      problemText(new Problem('RATE_LIMITED', message, { retryAfter }))
    expect(text('Too many passwords. Try again in 1 seconds.', 0.4)).toBe('Too many passwords. Try again in 1 second.')
    expect(text('Too many.', 59.2)).toBe('Too many. Try again in 60 seconds.')
    expect(text('Too many.', 300)).toBe('Too many. Try again in 5 minutes.')
    expect(problemText(new Problem('INTERNAL', 'It failed.'))).toBe('It failed.')
  })
})

it('doubles the retry delay up to a maximum', () => {
  expect(retryDelay(0, 0.5)).toBe(500)
  expect(retryDelay(3, 0.5)).toBe(4_000)
  expect(retryDelay(50, 1)).toBe(18_750)
})
