import type { Page } from '../../graphql/pagedList'
import { asProblem, type Problem } from '../../graphql/problem'
import type { Socket } from '../../graphql/socket'
import { Store } from '../../store/store'
import type { Chat } from '../chat'
import { followReply } from '../reply/followReply'
import { advance, NO_REPLY, type LiveReply } from '../reply/liveReply'
import { isWithoutAnswer } from './ending'
import { applyOutline, chatsToLoad, type Outline } from './outline'
import { merge, replaceFrom } from './thread'

/** The state of a thread. */
export type ThreadState = {
  phase: 'loading' | 'ready' | 'missing' | 'failed'
  problem: Problem | null
  /** Oldest first. */
  chats: readonly Chat[]
  /** The replies in progress, by chat. */
  live: ReadonlyMap<string, LiveReply>
  hasEarlier: boolean
  isLoadingEarlier: boolean
}

/** A change in the progress of an answer, to be announced. */
export type ThreadEvent = 'thinking' | 'started' | 'finished' | 'unanswered' | 'stopped' | 'failed'

const END_EVENTS: Partial<Record<Chat['status'], ThreadEvent>> = { DONE: 'finished', STOPPED: 'stopped' }

/** The connections of a thread to the server and to the page. */
export type ThreadSource = {
  /** Loads a page of chats, newest first; null if the conversation does not exist. */
  load(after: string | null): Promise<Page<Chat> | null>
  chat(id: string): Promise<Chat | null>
  /** Loads what may have changed of the newest chats; null if the conversation does not exist. */
  outline(count: number): Promise<Outline | null>
  socket: Pick<Socket, 'on'>
  /** Schedules a flush. Returns the function that cancels it. */
  schedule(work: () => void): () => void
  onEvent(event: ThreadEvent, chat: Chat): void
}

/** Milliseconds between polls for an answer whose stream is lost. */
const POLL_INTERVAL = 3_000

/** The number of chats that may be new since the last load, so that the outline covers the others. */
const OUTLINE_MARGIN = 20

/** The maximum number of chats that are loaded one by one. */
const MAX_SINGLE_LOADS = 10

/** The maximum number of pages that are loaded automatically for a link. */
const MAX_PAGES = 20

/** The chats of a conversation and the replies in progress, while the conversation is shown. */
export class ThreadStore extends Store<ThreadState> {
  private cursor: string | null = null
  private isOpen = false
  private pagesTowards = 0
  private refreshing: Promise<void> | null = null
  private nextRefresh: Promise<void> | null = null
  private readonly followed = new Map<string, () => void>()
  /** Replies that have grown since the last flush, by chat. */
  private readonly grown = new Map<string, LiveReply>()
  private cancelFlush: (() => void) | null = null
  private readonly source: ThreadSource

  constructor(source: ThreadSource) {
    super({
      phase: 'loading',
      problem: null,
      chats: [],
      live: new Map(),
      hasEarlier: false,
      isLoadingEarlier: false,
    })
    this.source = source
  }

  /** Loads the newest page, and follows pending chats. Can be called again after `close` or a failure. */
  async open(): Promise<void> {
    this.isOpen = true
    this.patchState({ phase: 'loading', problem: null })
    await this.loadPage(null)
  }

  async loadEarlier(): Promise<void> {
    if (!this.state.hasEarlier || this.state.isLoadingEarlier) return
    this.patchState({ isLoadingEarlier: true, problem: null })
    await this.loadPage(this.cursor)
  }

  /**
   * Loads one more page towards a chat that is earlier than what is loaded. Does nothing after a failure or beyond
   * `MAX_PAGES`, since a link may lead to a chat that does not exist.
   */
  async loadTowards(id: string): Promise<void> {
    const { chats, phase, problem, isLoadingEarlier, hasEarlier } = this.state
    if (phase !== 'ready' || problem || isLoadingEarlier || !hasEarlier) return
    if (this.pagesTowards >= MAX_PAGES || chats.some((chat) => chat.id === id)) return
    this.pagesTowards++
    await this.loadEarlier()
  }

  /** Inserts or replaces a chat. */
  upsert(chat: Chat): void {
    this.patchState({ chats: merge(this.state.chats, [chat]) })
    this.followPending([chat])
  }

  replace(replacedId: string, by: Chat): void {
    this.patchState({ chats: replaceFrom(this.state.chats, replacedId, by) })
    this.followPending([by])
  }

  remove(id: string): void {
    this.unfollow(id)
    this.patchState({ chats: this.state.chats.filter((chat) => chat.id !== id) })
  }

  /** Shows that the conversation was deleted. */
  deleted(): void {
    this.patchState({ phase: 'missing' })
  }

  /** Handles the start of a chat that may have been sent from elsewhere. */
  async started(id: string): Promise<void> {
    if (this.has(id)) return
    const chat = await this.source.chat(id).catch(() => null)
    if (chat && this.isOpen && this.state.phase === 'ready') this.upsert(chat)
  }

  has(id: string): boolean {
    return this.state.chats.some((chat) => chat.id === id)
  }

  /** Loads what has changed of the loaded chats, and newer ones. Calls during a refresh share the next one. */
  refresh(): Promise<void> {
    if (!this.refreshing) {
      this.refreshing = this.loadChanges().finally(() => (this.refreshing = null))
      return this.refreshing
    }
    this.nextRefresh ??= this.refreshing.then(() => {
      this.nextRefresh = null
      return this.refresh()
    })
    return this.nextRefresh
  }

  close(): void {
    this.isOpen = false
    for (const id of [...this.followed.keys()]) this.unfollow(id)
    this.cancelFlush?.()
    this.cancelFlush = null
  }

  /** Loads a page. Chats with the ids of `outdated` are dropped if they are not in it. */
  private async loadPage(after: string | null, outdated: ReadonlySet<string> = new Set()): Promise<void> {
    try {
      const page = await this.source.load(after)
      if (!this.isOpen) return
      if (!page) {
        this.patchState({ phase: 'missing' })
        return
      }
      this.cursor = page.pageInfo.endCursor
      const kept = this.state.chats.filter(({ id }) => !outdated.has(id))
      this.replaceAll(merge(kept, page.nodes.toReversed()))
      this.patchState({
        phase: 'ready',
        hasEarlier: page.pageInfo.hasNextPage,
        isLoadingEarlier: false,
      })
      this.followPending(page.nodes)
    } catch (thrown) {
      const problem = asProblem(thrown)
      const phase = this.state.phase === 'ready' ? 'ready' : problem.code === 'NOT_FOUND' ? 'missing' : 'failed'
      this.patchState({ phase, problem, isLoadingEarlier: false })
    }
  }

  // A function, since the value changes while something is awaited.
  private isClosed(): boolean {
    return !this.isOpen
  }

  private async loadChanges(): Promise<void> {
    if (this.state.phase === 'failed') await this.open()
    if (this.state.phase !== 'ready') return
    const requested = new Set(this.state.chats.map(({ id }) => id))
    try {
      const outline = await this.source.outline(requested.size + OUTLINE_MARGIN)
      if (!this.isOpen) return
      if (!outline) {
        this.deleted()
        return
      }
      const ids = chatsToLoad(this.state.chats, outline, this.state.hasEarlier)
      if (ids.length > MAX_SINGLE_LOADS) {
        await this.loadPage(null, requested)
        return
      }
      const loaded = (await Promise.all(ids.map((id) => this.source.chat(id)))).filter((chat) => chat !== null)
      if (this.isClosed()) return
      for (const chat of loaded) if (chat.status !== 'PENDING') this.finish(chat)
      const kept = applyOutline(this.state.chats, outline, requested)
      this.replaceAll(merge(kept, loaded))
      this.patchState({ problem: null })
      this.followPending(loaded)
    } catch (thrown) {
      const problem = asProblem(thrown)
      if (problem.code === 'NOT_FOUND') this.deleted()
      else if (this.isOpen) this.patchState({ problem })
    }
  }

  /** Replaces all chats, and forgets those that are not among them. */
  private replaceAll(chats: Chat[]): void {
    const ids = new Set(chats.map(({ id }) => id))
    for (const id of [...this.followed.keys()]) if (!ids.has(id)) this.unfollow(id)
    this.patchState({ chats })
  }

  private followPending(chats: readonly Chat[]): void {
    for (const chat of chats) {
      if (chat.status === 'PENDING') this.follow(chat)
      else this.unfollow(chat.id)
    }
  }

  private follow(chat: Chat): void {
    if (this.followed.has(chat.id)) return
    const unfollow = followReply(this.source.socket, chat.id, {
      progress: (text, reasoning) => {
        this.advance(chat, { text, reasoning })
        this.cancelFlush ??= this.source.schedule(() => this.flush())
      },
      finished: (finished) => this.finish(finished),
      lost: () => void this.poll(chat.id),
    })
    this.followed.set(chat.id, unfollow)
    this.patchState({ live: new Map(this.state.live).set(chat.id, NO_REPLY) })
  }

  private advance(chat: Chat, texts: Pick<LiveReply, 'text' | 'reasoning'>): void {
    const before = this.grown.get(chat.id) ?? this.state.live.get(chat.id) ?? NO_REPLY
    this.grown.set(chat.id, advance(before, chat, texts))
    if (!before.text && texts.text) this.source.onEvent('started', chat)
    else if (!before.reasoning && texts.reasoning) this.source.onEvent('thinking', chat)
  }

  private finish(chat: Chat): void {
    if (!this.followed.has(chat.id)) return
    this.upsert(chat)
    this.source.onEvent(isWithoutAnswer(chat) ? 'unanswered' : (END_EVENTS[chat.status] ?? 'failed'), chat)
  }

  /** Polls for an answer whose stream is lost, until it is finished. */
  private async poll(id: string): Promise<void> {
    const chat = await this.source.chat(id).catch(() => undefined)
    if (!this.followed.has(id)) return
    if (chat === null) {
      this.remove(id)
    } else if (chat && chat.status !== 'PENDING') {
      this.finish(chat)
    } else {
      if (chat) this.advance(chat, { text: chat.response, reasoning: chat.reasoning ?? '' })
      this.flush()
      setTimeout(() => void this.poll(id), POLL_INTERVAL)
    }
  }

  private unfollow(id: string): void {
    this.followed.get(id)?.()
    this.followed.delete(id)
    this.grown.delete(id)
    if (this.state.live.has(id)) {
      const live = new Map(this.state.live)
      live.delete(id)
      this.patchState({ live })
    }
  }

  private flush(): void {
    this.cancelFlush = null
    if (this.grown.size === 0) return
    this.patchState({ live: new Map([...this.state.live, ...this.grown]) })
    this.grown.clear()
  }
}
