/** The label of a chat without text: the texts of API calls are not stored. */
export const NOT_STORED = 'not stored (API call)'
