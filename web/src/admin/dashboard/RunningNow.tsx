import { useEffect } from 'react'
import { useQuery } from 'urql'
import { formatCount } from '../../format/numbers'
import { OpenTurnsDocument } from '../../gql/admin'
import { FigureCard } from './Figures'

/** Milliseconds between two looks. */
const INTERVAL = 5_000

/** The number of answers in progress, kept up to date while the page is in front. */
export function RunningNow() {
  const [{ data }, load] = useQuery({ query: OpenTurnsDocument, requestPolicy: 'network-only' })
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') load({ requestPolicy: 'network-only' })
    }, INTERVAL)
    return () => clearInterval(timer)
  }, [load])
  const count = data?.openTurns ?? null
  return (
    <FigureCard label="Running now" value={count === null ? '–' : formatCount(count)} details="Answers in progress" />
  )
}
