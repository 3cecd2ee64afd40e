/** The source of the access token. Implemented by the session, of which this folder uses nothing else. */
export type TokenSource = {
  /** The current token, which may be about to expire; null if logged out. */
  readonly accessToken: string | null
  /** Whether the token expires soon, or has expired. */
  readonly isStale: boolean
  /** Returns a token that is not about to expire; null if logged out. Throws if the server is unreachable. */
  freshToken(): Promise<string | null>
  /**
   * Requests a new token; returns null if the session has expired. Throws if the server is unreachable. Does nothing if
   * `rejected` is not the current token any more.
   */
  refresh(rejected?: string | null): Promise<string | null>
}
