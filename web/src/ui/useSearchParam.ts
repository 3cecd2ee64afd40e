import { useSearchParams } from 'react-router'

/** A value that is kept in the URL, so that it can be linked to and survives a reload. */
export function useSearchParam(name: string): [value: string | null, set: (value: string | null) => void] {
  const [parameters, setParameters] = useSearchParams()
  const set = (value: string | null) =>
    setParameters(
      (before) => {
        const after = new URLSearchParams(before)
        if (value === null || value === '') after.delete(name)
        else after.set(name, value)
        return after
      },
      { replace: true },
    )
  return [parameters.get(name), set]
}
