/** Longer texts are shown without formatting. */
export const MAX_CHARACTERS = 100_000

/** The maximum number of nodes of a tree; a larger one would freeze the page. */
export const MAX_NODES = 20_000

/** Deeper trees break the recursion of what shows them. */
export const MAX_DEPTH = 100

/** Milliseconds that the formatting of one text may take. */
export const FORMAT_TIMEOUT = 2_000

/** Longer code is shown in one colour. */
export const MAX_HIGHLIGHTED = 20_000
