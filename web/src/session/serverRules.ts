import { useEffect, useState } from 'react'
import { fetchServerRules, type ServerRules } from './api'

/** The rules of the server; null if they could not be loaded, undefined until they are. */
export type LoadedRules = ServerRules | null | undefined

let loading: Promise<ServerRules | null> | undefined

/** Loads the rules once. After a failure the form works without them, and the server answers with its errors. */
function loadServerRules(): Promise<ServerRules | null> {
  loading ??= fetchServerRules().catch(() => {
    loading = undefined
    return null
  })
  return loading
}

/** Returns the rules of the server. */
export function useServerRules(): LoadedRules {
  const [rules, setRules] = useState<LoadedRules>()
  useEffect(() => {
    let isCurrent = true
    void loadServerRules().then((loaded) => {
      if (isCurrent) setRules(loaded)
    })
    return () => {
      isCurrent = false
    }
  }, [])
  return rules
}
