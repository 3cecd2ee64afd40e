import { useForm, type UseFormInput } from '@mantine/form'
import { useState } from 'react'
import { asProblem, type Problem } from '../graphql/problem'

/**
 * A form that runs a mutation. Validation errors of its fields are shown next to them, any other is the `problem`. Reset
 * after a success.
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
      // An error of no field of this form must be shown as well.
      if (Object.keys(known).length === 0) setProblem(refused)
    }
    setBusy(false)
  })

  return { form, submit, problem, isBusy }
}
