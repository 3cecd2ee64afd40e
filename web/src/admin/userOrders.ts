import type { UserOrder } from '../gql/admin'

/** The orders of the list of users. On wide screens the headers select them. */
export const ORDERS: { value: UserOrder; label: string }[] = [
  { value: 'NEWEST', label: 'Newest first' },
  { value: 'OLDEST', label: 'Oldest first' },
  { value: 'NAME', label: 'Name, A to Z' },
  { value: 'NAME_DESCENDING', label: 'Name, Z to A' },
  { value: 'MOST_TOKENS', label: 'Largest balance first' },
  { value: 'FEWEST_TOKENS', label: 'Smallest balance first' },
  { value: 'MOST_SPENT', label: 'Most spent first' },
  { value: 'LEAST_SPENT', label: 'Least spent first' },
  { value: 'RECENTLY_ACTIVE', label: 'Recently active first' },
  { value: 'LEAST_RECENTLY_ACTIVE', label: 'Longest inactive first' },
  { value: 'RECENT_LOGIN', label: 'Recent login first' },
  { value: 'LEAST_RECENT_LOGIN', label: 'Oldest login first' },
]

export const DEFAULT_ORDER: UserOrder = 'NEWEST'
