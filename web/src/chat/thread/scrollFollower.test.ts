import { describe, expect, it } from 'vitest'
import { ScrollFollower, type ScrollBox } from './scrollFollower'

/** An element that clamps its position, as browsers do. */
class Box implements ScrollBox {
  clientHeight = 500
  private top = 0
  private height = 500

  get scrollTop(): number {
    return this.top
  }

  set scrollTop(top: number) {
    this.top = Math.max(0, Math.min(top, this.height - this.clientHeight))
  }

  get scrollHeight(): number {
    return this.height
  }

  set scrollHeight(height: number) {
    this.height = height
    this.scrollTop = this.top
  }
}

function setUp(isFollowing = true) {
  const clock = { now: 0 }
  const box = new Box()
  const follower = new ScrollFollower(isFollowing, () => clock.now)
  const grow = (by: number) => {
    box.scrollHeight += by
    follower.resized(box)
  }
  const end = () => box.scrollHeight - box.clientHeight
  return { clock, box, follower, grow, end }
}

describe('ScrollFollower', () => {
  it('follows content that grows', () => {
    const { box, grow, end } = setUp()
    for (let step = 0; step < 50; step++) grow(300)
    expect(box.scrollTop).toBe(end())
  })

  it('is not misled by the late event of its own scroll', () => {
    const { box, follower, grow, end } = setUp()
    grow(1000)
    box.scrollHeight += 237
    follower.scrolled(box)
    expect(follower.isFollowing).toBe(true)
    follower.resized(box)
    expect(box.scrollTop).toBe(end())
  })

  it('is not misled by content that shrinks and grows again', () => {
    const { box, follower, grow, end } = setUp()
    grow(2000)
    box.scrollHeight -= 900
    box.scrollHeight += 700
    follower.scrolled(box)
    follower.resized(box)
    expect(follower.isFollowing).toBe(true)
    expect(box.scrollTop).toBe(end())
  })

  it('lets go at once when the wheel turns up, and holds the position', () => {
    const { box, follower, grow, end } = setUp()
    grow(1000)
    follower.userMovesUp(box)
    grow(40)
    box.scrollTop -= 20
    follower.scrolled(box)
    grow(40)
    expect(follower.isFollowing).toBe(false)
    expect(box.scrollTop).toBe(end() - 100)
  })

  it('lets go when a touch, a key or the scroll bar moves it up while the content grows', () => {
    const { box, follower, grow } = setUp()
    grow(1000)
    follower.userMoves()
    box.scrollHeight += 40
    box.scrollTop -= 30
    follower.scrolled(box)
    expect(follower.isFollowing).toBe(false)
  })

  it('lets go when something else scrolls up, such as a search of the browser', () => {
    const { clock, box, follower, grow } = setUp()
    grow(1000)
    clock.now = 60_000
    box.scrollTop = 100
    follower.scrolled(box)
    expect(follower.isFollowing).toBe(false)
    expect(follower.isAtEnd(box)).toBe(false)
  })

  it('follows again when the user is back at the end, and only then', () => {
    const { box, follower, grow, end } = setUp()
    grow(1000)
    follower.userMovesUp(box)
    box.scrollTop = 100
    follower.scrolled(box)
    box.scrollTop = 300
    follower.scrolled(box)
    expect(follower.isFollowing).toBe(false)
    box.scrollTop = end() - 10
    follower.scrolled(box)
    expect(follower.isFollowing).toBe(true)
    grow(500)
    expect(box.scrollTop).toBe(end())
  })

  it('does not follow again because of a resize', () => {
    const { box, follower, grow } = setUp(false)
    grow(1000)
    grow(-1000)
    grow(600)
    expect(follower.isFollowing).toBe(false)
    expect(box.scrollTop).toBe(0)
  })

  it('ignores a wheel where there is nothing to scroll', () => {
    const { box, follower, grow, end } = setUp()
    follower.userMovesUp(box)
    grow(800)
    expect(box.scrollTop).toBe(end())
  })

  it('goes to the end on request', () => {
    const { box, follower, grow, end } = setUp(false)
    grow(1000)
    follower.toEnd(box)
    grow(200)
    expect(box.scrollTop).toBe(end())
  })
})
