import { useNavigate } from 'react-router'
import { excerpt } from '../../format/excerpt'
import { DeleteConversationDocument, UpdateConversationDocument } from '../../gql/chat'
import { ExportChatsDocument } from '../../gql/account'
import { mutate } from '../../graphql/client'
import { useViewer } from '../../session/context'
import { confirmDanger, notifyProblem } from '../../ui/confirm'
import { showToast } from '../../ui/toast'
import { useExport } from '../../ui/useExport'
import type { ConversationRow } from '../changes/conversationRows'

export type ConversationActions = ReturnType<typeof useConversationActions>

/**
 * Returns what can be done with a conversation as a whole.
 *
 * @param isCurrent Whether it is the one that is open.
 * @param onChanged Receives the conversation after a change; null after its deletion.
 */
export function useConversationActions(
  conversation: ConversationRow,
  isCurrent: boolean,
  onChanged: (changed: ConversationRow | null) => void,
) {
  const { client } = useViewer()
  const navigate = useNavigate()
  const { save } = useExport(ExportChatsDocument)
  const { id, pinned, archived } = conversation
  const title = conversation.title || 'New chat'
  const name = `“${excerpt(title, '', 40)}”`

  const update = async (change: { pinned: boolean } | { archived: boolean }) => {
    const updated = await mutate(client, UpdateConversationDocument, { input: { conversationId: id, ...change } })
    if (updated.conversation) onChanged(updated.conversation)
  }
  const archive = async () => {
    await update({ archived: true })
    showToast({ message: `${name} archived.`, undo: () => update({ archived: false }) })
  }

  return {
    title,
    togglePin: () => void update({ pinned: !pinned }).catch(notifyProblem),
    toggleArchive: () => void (archived ? update({ archived: false }) : archive()).catch(notifyProblem),
    exportAs: (format: 'MARKDOWN' | 'JSON') =>
      save({ format, conversationId: id }, 'chat', format === 'JSON' ? 'json' : 'markdown'),
    remove: () =>
      confirmDanger({
        title: 'Delete this chat?',
        text: `Deletes “${title}” and its messages. Charges stay in your history.`,
        confirm: 'Delete',
        run: async () => {
          await mutate(client, DeleteConversationDocument, { input: { conversationId: id } })
          onChanged(null)
          showToast({ message: `${name} deleted.` })
          if (isCurrent) void navigate('/')
        },
      }),
  }
}
