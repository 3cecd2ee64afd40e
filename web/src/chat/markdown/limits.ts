/** The maximum length of a text; a longer one is not formatted. */
export const MAX_CHARACTERS = 100_000

/** The maximum number of nodes of a tree; a larger one would freeze the page. */
export const MAX_NODES = 20_000

/** The maximum depth of a tree; a deeper one would overflow the stack of the renderer. */
export const MAX_DEPTH = 100

/** The timeout of the formatting of a text, in milliseconds. */
export const FORMAT_TIMEOUT = 2_000

/** The maximum number of formulas of a text; more are shown as their source. */
export const MAX_FORMULAS = 500

/** The maximum length of a formula that is typeset. */
export const MAX_FORMULA = 4_000

/** The maximum length of the source of a diagram. */
export const MAX_DIAGRAM = 10_000

/** The maximum length of highlighted code. */
export const MAX_HIGHLIGHTED = 20_000
