import type { ChatFieldsFragment } from '../gql/chat'

/** A message and its answer, as all parts of the page share it. */
export type Chat = ChatFieldsFragment
