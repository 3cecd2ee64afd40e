/** The drafts of messages, by conversation. In memory only, since browsers are shared. */
export const drafts = new Map<string, string>()
