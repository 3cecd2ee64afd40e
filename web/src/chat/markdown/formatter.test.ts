import type { Root } from 'hast'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Formatter, type FormatWorker, type WorkerMessage } from './formatter'
import { FORMAT_TIMEOUT, MAX_CHARACTERS } from './limits'
import { reuseUnchanged } from './reuseUnchanged'

class FakeWorker implements FormatWorker {
  readonly posted: string[] = []
  isTerminated = false
  onmessage: FormatWorker['onmessage'] = null
  onerror: FormatWorker['onerror'] = null

  postMessage = (text: string) => void this.posted.push(text)
  terminate = () => {
    this.isTerminated = true
  }

  say(data: WorkerMessage): void {
    this.onmessage?.call(this as unknown as Worker, { data } as MessageEvent)
  }

  fail(): void {
    this.onerror?.call(this as unknown as Worker, {} as ErrorEvent)
  }
}

const TREE: Root = { type: 'root', children: [{ type: 'text', value: 'x' }] }

function setUp() {
  const workers: FakeWorker[] = []
  const formatter = new Formatter(() => {
    const worker = new FakeWorker()
    workers.push(worker)
    return worker
  })
  const worker = (index: number) => {
    const found = workers[index]
    if (!found) throw new Error(`no worker ${index}`)
    return found
  }
  return { formatter, workers, worker }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('Formatter', () => {
  it('formats one text at a time, and caches the result', async () => {
    const { formatter, workers, worker } = setUp()
    const both = Promise.all([formatter.format('a'), formatter.format('b')])
    expect(worker(0).posted).toEqual([])
    worker(0).say({ type: 'ready' })
    expect(worker(0).posted).toEqual(['a'])
    worker(0).say({ type: 'done', tree: TREE })
    expect(worker(0).posted).toEqual(['a', 'b'])
    worker(0).say({ type: 'done', tree: null })
    expect(await both).toEqual([TREE, 'rejected'])
    expect(formatter.peek('a')).toBe(TREE)
    expect(workers).toHaveLength(1)
  })

  it('terminates a worker after a timeout, and continues with a new one', async () => {
    const { formatter, worker } = setUp()
    const slow = formatter.format('slow')
    const next = formatter.format('next')
    worker(0).say({ type: 'ready' })
    vi.advanceTimersByTime(FORMAT_TIMEOUT + 1)
    expect(await slow).toBe('rejected')
    expect(worker(0).isTerminated).toBe(true)
    worker(1).say({ type: 'ready' })
    worker(1).say({ type: 'done', tree: TREE })
    expect(await next).toBe(TREE)
  })

  it('does not count the time that the worker takes to load', async () => {
    const { formatter, worker } = setUp()
    const posted = formatter.format('a')
    vi.advanceTimersByTime(FORMAT_TIMEOUT * 2)
    worker(0).say({ type: 'ready' })
    worker(0).say({ type: 'done', tree: TREE })
    expect(await posted).toBe(TREE)
  })

  it('rejects texts over the maximum length without a worker', async () => {
    const { formatter, workers } = setUp()
    expect(await formatter.format('x'.repeat(MAX_CHARACTERS + 1))).toBe('rejected')
    expect(workers).toHaveLength(0)
  })

  it('is unavailable if the worker fails, and retries with the next text', async () => {
    const { formatter, worker } = setUp()
    const both = Promise.all([formatter.format('a'), formatter.format('b')])
    worker(0).fail()
    expect(await both).toEqual(['unavailable', 'unavailable'])
    const retried = formatter.format('a')
    worker(1).say({ type: 'ready' })
    worker(1).say({ type: 'done', tree: TREE })
    expect(await retried).toBe(TREE)

    const none = new Formatter(() => {
      throw new Error('no workers here')
    })
    expect(await none.format('a')).toBe('unavailable')
  })
})

it('reuses unchanged blocks', () => {
  const paragraph = (value: string): Root['children'][number] => ({
    type: 'element',
    tagName: 'p',
    properties: {},
    children: [{ type: 'text', value }],
  })
  const old: Root = { type: 'root', children: [paragraph('one'), paragraph('tw')] }
  const grown = reuseUnchanged(old, {
    type: 'root',
    children: [paragraph('one'), paragraph('two'), paragraph('three')],
  })
  expect(grown.children[0]).toBe(old.children[0])
  expect(grown.children[1]).toEqual(paragraph('two'))
  expect(grown.children).toHaveLength(3)
})
