import { useForm, type UseFormInput } from '@mantine/form'
import { useState } from 'react'
import { asProblem, type Problem } from '../graphql/problem'

/**
 * A form whose submission may be refused: errors of its fields stand next to them, all else is the `problem`. It is empty
 * again when it was taken.
 *
 * `send` throws a `Problem`.
 */
export function useMutationForm<T extends Record<string, unknown>>(
  input: UseFormInput<T>,
  send: (values: T) => Promise<void>,
) {
  const form = useForm<T>(input)
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)

  const submit = form.onSubmit(async (values) => {
    setBusy(true)
    setProblem(null)
    try {
      await send(values)
      form.reset()
    } catch (thrown) {
      const refused = asProblem(thrown)
      const known = Object.fromEntries(Object.entries(refused.fields).filter(([field]) => field in values))
      form.setErrors(known)
      // What is about no field of this form must be said all the same.
      if (Object.keys(known).length === 0) setProblem(refused)
    }
    setBusy(false)
  })

  return { form, submit, problem, isBusy }
}
