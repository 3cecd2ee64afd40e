import type { ChatFieldsFragment, ConversationFieldsFragment } from '../gql/chat'

/** A message and its answer. */
export type Chat = ChatFieldsFragment

/** A conversation, without its chats. */
export type Conversation = ConversationFieldsFragment
