import { Alert, Button, Stack, TextInput } from '@mantine/core'
import { useForm } from '@mantine/form'
import { useLayoutEffect, useRef, useState } from 'react'
import { readTypedEarly, takeTypedEarly } from '../app/boot'
import { asProblem, problemText, type Problem } from '../graphql/problem'
import { login, register } from '../session/api'
import { useSession } from '../session/context'
import { passwordRuleLines, validatePassword, validateUsername } from '../session/credentialRules'
import type { LoadedRules } from '../session/serverRules'
import { PasswordField } from '../ui/PasswordField'
import { RuleList } from '../ui/RuleList'
import { OperatorContact } from './OperatorContact'

const TEXTS = {
  login: { send: 'Log in', password: 'current-password' },
  register: { send: 'Create account', password: 'new-password' },
}

/** Keeps the errors of the server apart, one a line. */
const ONE_A_LINE = { error: { whiteSpace: 'pre-line' } } as const

type Props = { kind: 'login' | 'register'; rules: LoadedRules; onSubmit: () => void }

/** The form for log-in and registration. Takes over what is typed into that of index.html. */
export function CredentialsForm({ kind, rules, onSubmit }: Props) {
  const session = useSession()
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [typed] = useState(readTypedEarly)
  const element = useRef<HTMLFormElement>(null)
  const isNew = kind === 'register'
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { username: typed.username, password: typed.password },
    validate: {
      username: (value) => validateUsername(value, isNew ? rules?.usernameRules : undefined),
      password: (value) =>
        isNew ? validatePassword(value, rules?.passwordRules) : value === '' ? 'Enter your password' : null,
    },
  })

  const hasTakenOver = useRef(false)
  useLayoutEffect(() => {
    if (hasTakenOver.current) return
    hasTakenOver.current = true
    const { focused, isSubmitted, ...values } = takeTypedEarly()
    // Typed while this was rendered.
    if (values.username !== typed.username || values.password !== typed.password) form.setValues(values)
    form.getInputNode(focused ?? 'username')?.focus()
    if (isSubmitted) element.current?.requestSubmit()
  })

  /** Focuses the first field with an error; after any other error the password, which was wrong. */
  const focusFirst = (errors: Record<string, unknown>) =>
    form.getInputNode('username' in errors ? 'username' : 'password')?.focus()

  const submit = form.onSubmit(async (input) => {
    setBusy(true)
    setProblem(null)
    onSubmit()
    try {
      session.accept(await (isNew ? register(input) : login(input)))
    } catch (thrown) {
      const rejection = asProblem(thrown)
      form.setErrors(rejection.fields)
      const isOfField = Object.keys(rejection.fields).length > 0
      if (!isOfField) setProblem(rejection)
      setBusy(false)
      focusFirst(rejection.fields)
    }
  }, focusFirst)

  return (
    <form ref={element} onSubmit={submit} noValidate>
      <Stack>
        {problem && (
          <Alert color="red" role="alert">
            {problem.code === 'UNAUTHENTICATED' ? 'Wrong username or password.' : problemText(problem)}
            {problem.code === 'FORBIDDEN' && rules?.contact && (
              <>
                {' '}
                <OperatorContact contact={rules.contact} />
              </>
            )}
          </Alert>
        )}
        <TextInput
          label="Username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          description={isNew ? rules?.usernameRules.text : undefined}
          required
          key={form.key('username')}
          styles={ONE_A_LINE}
          {...form.getInputProps('username')}
        />
        <PasswordField
          label="Password"
          autoComplete={TEXTS[kind].password}
          description={isNew && rules ? <RuleList lines={passwordRuleLines(rules.passwordRules)} /> : undefined}
          descriptionProps={{ component: 'div' }}
          required
          key={form.key('password')}
          styles={ONE_A_LINE}
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={isBusy}>
          {TEXTS[kind].send}
        </Button>
      </Stack>
    </form>
  )
}
