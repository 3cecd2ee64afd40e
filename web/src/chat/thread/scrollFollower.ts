/** The distance from the end, in pixels, that counts as the end. */
const SLACK = 48

/** Milliseconds after an input of the user in which the container scrolls because of it, with momentum. */
const MOMENTUM = 1_500

/** The scroll position of an element. */
export type ScrollBox = { scrollTop: number; readonly scrollHeight: number; readonly clientHeight: number }

/**
 * Keeps a scroll container at its end while its content changes, until the user scrolls up. Only the user ends that: an
 * event of a scroll that the follower or the browser made may arrive after the content has grown again, so its distance
 * from the end proves nothing.
 */
export class ScrollFollower {
  /** Whether the end is followed. */
  isFollowing: boolean
  private lastTop = 0
  private lastHeight = 0
  private movedByUserUntil = -Infinity
  private readonly now: () => number

  constructor(isFollowing: boolean, now: () => number = () => performance.now()) {
    this.isFollowing = isFollowing
    this.now = now
  }

  /** Whether the end is in sight, or about to be. */
  isAtEnd(box: ScrollBox): boolean {
    return this.isFollowing || distance(box) < SLACK
  }

  /** Handles an input that may scroll: a touch, a key, or the scroll bar. */
  userMoves(): void {
    this.movedByUserUntil = this.now() + MOMENTUM
  }

  /** Handles an input that scrolls up. Lets go at once: the next resize would come before the scroll. */
  userMovesUp(box: ScrollBox): void {
    this.userMoves()
    if (box.scrollTop > 0) this.isFollowing = false
  }

  /** Handles a scroll event. */
  scrolled(box: ScrollBox): void {
    const isUp = box.scrollTop < this.lastTop - 1
    const isDown = box.scrollTop > this.lastTop + 1
    // Shrunken content moves the position up, too. A search of the browser does so without an input.
    const isByUser = this.now() < this.movedByUserUntil || box.scrollHeight === this.lastHeight
    if (isUp && isByUser && distance(box) > 1) this.isFollowing = false
    if (isDown && distance(box) < SLACK) this.isFollowing = true
    this.remember(box)
  }

  /** Handles a change of the size of the container or of its content. */
  resized(box: ScrollBox): void {
    if (this.isFollowing) box.scrollTop = box.scrollHeight
    this.remember(box)
  }

  /** Lets go of the end, since another position is to be shown. */
  letGo(): void {
    this.isFollowing = false
  }

  /** Scrolls to the end. Not smoothly: a growing answer would outrun the animation. */
  toEnd(box: ScrollBox): void {
    this.isFollowing = true
    this.movedByUserUntil = -Infinity
    box.scrollTop = box.scrollHeight
    this.remember(box)
  }

  private remember(box: ScrollBox): void {
    this.lastTop = box.scrollTop
    this.lastHeight = box.scrollHeight
  }
}

function distance(box: ScrollBox): number {
  return box.scrollHeight - box.scrollTop - box.clientHeight
}
