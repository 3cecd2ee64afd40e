import { useSearchParams } from 'react-router'

/** A value that is kept in the URL, so that it can be linked to and survives a reload. */
export function useSearchParam(name: string): [value: string | null, set: (value: string | null) => void] {
  const [parameters, setParameters] = useSearchParams()
  const set = (value: string | null) => {
    // Of the address itself: the parameters of this render may lack what was set just before.
    const after = new URLSearchParams(window.location.search)
    if (value === null || value === '') after.delete(name)
    else after.set(name, value)
    setParameters(after, { replace: true })
  }
  return [parameters.get(name), set]
}
