const nameOf = (userId: string) => `jeton:model:${userId}`

/** Returns the model that a user used last in this browser. */
export function lastModel(userId: string): string | null {
  try {
    return localStorage.getItem(nameOf(userId))
  } catch {
    // Storage is blocked.
    return null
  }
}

/** Keeps the model for the next new chats of a user. */
export function rememberModel(userId: string, model: string): void {
  try {
    localStorage.setItem(nameOf(userId), model)
  } catch {
    // Storage is blocked: the default model is selected next time.
  }
}
