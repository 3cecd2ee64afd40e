import { useQuery } from 'urql'
import { MyGroupsDocument } from '../gql/groups'
import { payersOf, type Group } from './groups'

/** Returns the groups that may pay for the viewer; empty until they are loaded. */
export function usePayers(chosen: string | null): Group[] {
  const [{ data }] = useQuery({ query: MyGroupsDocument, requestPolicy: 'cache-and-network' })
  return payersOf(data?.myGroups?.nodes ?? [], chosen)
}
