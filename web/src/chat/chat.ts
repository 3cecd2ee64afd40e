import type { ChatFieldsFragment } from '../gql/chat'

/** A message and its answer. */
export type Chat = ChatFieldsFragment
