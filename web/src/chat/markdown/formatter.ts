import type { Root } from 'hast'
import { FORMAT_TIMEOUT, MAX_CHARACTERS } from './limits'

/** A message of the worker: it is loaded, or has formatted a text. */
export type WorkerMessage = { type: 'ready' } | { type: 'done'; tree: Root | null }

/** A formatted text, or the reason why there is none: it exceeds a limit, or the worker is unavailable. */
export type Formatted = Root | 'rejected' | 'unavailable'

/** The methods of a `Worker` that the formatter uses. */
export type FormatWorker = Pick<Worker, 'postMessage' | 'terminate' | 'onmessage' | 'onerror'>

type Job = { text: string; resolve: (formatted: Formatted) => void }

/** Milliseconds that the worker may take to load. */
const LOAD_TIMEOUT = 20_000

/** The maximum number of cached results. */
const MAX_CACHED = 100

/** Formats texts in a worker, one at a time. After a timeout the text is rejected, and the worker terminated. */
export class Formatter {
  private readonly spawn: () => FormatWorker
  private readonly queue: Job[] = []
  private readonly cache = new Map<string, Formatted>()
  private worker: FormatWorker | null = null
  private isReady = false
  private current: Job | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(spawn: () => FormatWorker) {
    this.spawn = spawn
  }

  /** Returns the cached result, if there is one. */
  peek(text: string): Formatted | undefined {
    return text.length > MAX_CHARACTERS ? 'rejected' : this.cache.get(text)
  }

  async format(text: string): Promise<Formatted> {
    return (
      this.peek(text) ??
      (await new Promise<Formatted>((resolve) => {
        this.queue.push({ text, resolve })
        this.next()
      }))
    )
  }

  private next(): void {
    if (this.current || this.queue.length === 0) return
    if (!this.worker) this.start()
    if (!this.isReady) return
    const job = this.queue.shift()
    if (!job) return
    this.current = job
    this.timer = setTimeout(() => {
      this.stop()
      this.finish('rejected')
    }, FORMAT_TIMEOUT)
    this.worker?.postMessage(job.text)
  }

  private start(): void {
    let worker: FormatWorker
    try {
      worker = this.spawn()
    } catch {
      this.fail()
      return
    }
    this.worker = worker
    this.timer = setTimeout(() => this.fail(), LOAD_TIMEOUT)
    worker.onerror = () => this.fail()
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === 'done') {
        this.finish(data.tree ?? 'rejected')
      } else {
        clearTimeout(this.timer)
        this.isReady = true
        this.next()
      }
    }
  }

  /** Handles a failed worker. The next text starts a new one. */
  private fail(): void {
    this.stop()
    for (const { resolve } of this.queue.splice(0)) resolve('unavailable')
    this.finish('unavailable')
  }

  private stop(): void {
    clearTimeout(this.timer)
    this.worker?.terminate()
    this.worker = null
    this.isReady = false
  }

  private finish(formatted: Formatted): void {
    clearTimeout(this.timer)
    const job = this.current
    this.current = null
    if (job) {
      if (formatted !== 'unavailable') this.cacheResult(job.text, formatted)
      job.resolve(formatted)
    }
    this.next()
  }

  private cacheResult(text: string, formatted: Formatted): void {
    this.cache.set(text, formatted)
    const [oldest] = this.cache.keys()
    if (this.cache.size > MAX_CACHED && oldest !== undefined) this.cache.delete(oldest)
  }
}
