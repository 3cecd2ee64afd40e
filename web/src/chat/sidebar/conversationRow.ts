import type { ConversationsQuery } from '../../gql/chat'

/** A conversation of the sidebar. */
export type ConversationRow = NonNullable<ConversationsQuery['conversations']>['nodes'][number]
