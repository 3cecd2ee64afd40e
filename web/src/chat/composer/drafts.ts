/** What was typed and not sent, by conversation. Gone with the page: other people may use this browser. */
export const drafts = new Map<string, string>()
