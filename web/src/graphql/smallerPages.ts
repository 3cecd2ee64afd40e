import { asProblem } from './problem'

/** Loads a page of at most `first` elements; of fewer, if they are larger than the server sends at once. */
export async function withSmallerPages<T>(first: number, load: (first: number) => Promise<T>): Promise<T> {
  try {
    return await load(first)
  } catch (thrown) {
    if (first === 1 || asProblem(thrown).code !== 'PAYLOAD_TOO_LARGE') throw thrown
    return withSmallerPages(Math.ceil(first / 5), load)
  }
}
