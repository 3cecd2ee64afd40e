import { LoadedChatDetails } from './ChatDetails'
import { ChatDialog } from './ChatDialog'

type Props = {
  /** The message; null if the dialog is closed. */
  chatId: string | null
  onClose: () => void
  onDeleted: () => void
}

/** The dialog with a message that a list refers to. */
export function LoadedChatDialog({ chatId, onClose, onDeleted }: Props) {
  return (
    <ChatDialog isOpen={chatId !== null} onClose={onClose}>
      {chatId !== null && (
        <LoadedChatDetails
          id={chatId}
          onDeleted={() => {
            onClose()
            onDeleted()
          }}
        />
      )}
    </ChatDialog>
  )
}
