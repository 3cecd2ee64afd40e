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
      const rejection = asProblem(thrown)
      const fieldErrors = Object.fromEntries(Object.entries(rejection.fields).filter(([field]) => field in values))
      form.setErrors(fieldErrors)
      // An error of no field of this form must be shown as well.
      if (Object.keys(fieldErrors).length === 0) setProblem(rejection)
    }
    setBusy(false)
  })

  return { form, submit, problem, isBusy }
}
