import { CostButton } from '../../receipt/CostButton'
import { DescriptionList } from '../../ui/DescriptionList'
import type { Chat } from '../chat'
import { priceOf, useModels } from '../models/useModels'
import { answerDetails, CHARGED } from './answerDetails'

type Props = { chat: Chat; onLeave: () => HTMLElement | null }

/** When an answer was made, how long it took, and what it cost. */
export default function AnswerDetailsList({ chat, onLeave }: Props) {
  const price = priceOf(useModels([chat.model]), chat.model)
  return (
    <DescriptionList
      items={answerDetails(chat, price).map(([term, value]) => [
        term,
        term === CHARGED ? <CostButton key={term} chat={chat} onOpen={onLeave} /> : value,
      ])}
    />
  )
}
