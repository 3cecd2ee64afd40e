import type { ChatFieldsFragment, ConversationFieldsFragment, ConversationQuery } from '../gql/chat'

/** A message and its answer. */
export type Chat = ChatFieldsFragment

/** A conversation, without its chats. */
export type Conversation = ConversationFieldsFragment

/** The conversation that is open, with the group that pays for it. */
export type OpenConversation = NonNullable<ConversationQuery['conversation']>
