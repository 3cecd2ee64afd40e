import { useDebouncedValue } from '@mantine/hooks'
import { useSearchParam } from '../ui/useSearchParam'
import { parseChoice, parseTokens, parseYesNo, ROLE_FILTERS, type UserFilters } from './filters'
import { DEFAULT_ORDER, ORDERS } from './userOrders'

/** The fields of the filters as they are typed, with their setters. */
export type UserFilterFields = Record<
  'search' | 'active' | 'role' | 'minTokens' | 'maxTokens',
  { value: string | null; set: (value: string | null) => void }
>

const TYPING = 250

/** The filters of the list of users, which are kept in the URL. */
export function useUserFilters() {
  const [search, setSearch] = useSearchParam('search')
  const [active, setActive] = useSearchParam('active')
  const [role, setRole] = useSearchParam('role')
  const [minTokens, setMinTokens] = useSearchParam('min')
  const [maxTokens, setMaxTokens] = useSearchParam('max')
  const [order, setOrder] = useSearchParam('order')
  const [typedSearch] = useDebouncedValue(search, TYPING)
  const [typedMin] = useDebouncedValue(minTokens, TYPING)
  const [typedMax] = useDebouncedValue(maxTokens, TYPING)
  const orderBy = parseChoice(
    ORDERS.map(({ value }) => value),
    order,
  )
  const filters: UserFilters = {
    search: typedSearch?.trim() ?? '',
    active: parseYesNo(active),
    role: parseChoice(ROLE_FILTERS, role),
    minTokens: parseTokens(typedMin),
    maxTokens: parseTokens(typedMax),
    orderBy,
  }
  const fields: UserFilterFields = {
    search: { value: search, set: setSearch },
    active: { value: active, set: setActive },
    role: { value: role, set: setRole },
    minTokens: { value: minTokens, set: setMinTokens },
    maxTokens: { value: maxTokens, set: setMaxTokens },
  }
  const select = (selected: string | null) => setOrder(selected === DEFAULT_ORDER ? null : selected)
  // What is still being typed filters nothing yet, so it can't be acted on either.
  const isSettled = search === typedSearch && minTokens === typedMin && maxTokens === typedMax
  return { filters, fields, order: orderBy ?? DEFAULT_ORDER, setOrder: select, isSettled }
}
