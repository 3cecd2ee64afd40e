import { useMemo, type ReactNode } from 'react'
import { useQuery } from 'urql'
import { PayerDocument } from '../gql/session'
import { PayerContext } from '../session/context'

/** Loads who pays by default. A change of it by this client loads it again. */
export function PayerProvider({ children }: { children: ReactNode }) {
  const [{ data }, load] = useQuery({ query: PayerDocument })
  const payer = data?.me?.payer ?? null
  const state = useMemo(() => ({ payer, reload: () => load({ requestPolicy: 'network-only' }) }), [payer, load])
  return <PayerContext value={state}>{children}</PayerContext>
}
