/** Of calls by the API it is kept that they were, not what was said. All other messages have a text. */
export const NOT_STORED = 'not stored (API call)'
