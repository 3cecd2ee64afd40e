import { Alert, Anchor, Button, Card, Center, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useForm } from '@mantine/form'
import { IconInfoCircle } from '@tabler/icons-react'
import { useEffect, useLayoutEffect, useRef, useState } from 'react'
import { Link, Navigate, useLocation } from 'react-router'
import { readTypedEarly, removeBoot } from '../app/boot'
import { preloadChat } from '../app/pages'
import { asProblem, type Problem } from '../graphql/problem'
import { login, register } from '../session/api'
import { useSession, useSessionState } from '../session/context'
import { ColorSchemeSwitch } from '../ui/ColorSchemeSwitch'
import { PageLoader } from '../ui/PageLoader'
import { useTitle } from '../ui/useTitle'
import { returnTo } from './returnTo'
import { Unreachable } from './Unreachable'

const TEXTS = {
  login: {
    title: 'Log in',
    other: { text: 'New here?', link: 'Create account', to: '/register' },
    password: 'current-password',
  },
  register: {
    title: 'Create account',
    other: { text: 'Already have an account?', link: 'Log in', to: '/login' },
    password: 'new-password',
  },
}

/** The page for log-in and registration. */
export default function CredentialsPage({ kind }: { kind: 'login' | 'register' }) {
  const state = useSessionState()
  const location = useLocation()
  const from = returnTo(location.state, state.phase === 'loggedIn' ? state.user.id : undefined)
  const texts = TEXTS[kind]
  useTitle(texts.title)
  // While somebody types, and not before the form is there.
  useEffect(() => {
    if (state.phase === 'loggedOut') preloadChat()
  }, [state.phase])
  // Until then there are fields already, in index.html. After the effects of the form, which takes over what is typed.
  useLayoutEffect(() => {
    if (state.phase !== 'starting') removeBoot()
  }, [state.phase])

  if (state.phase === 'starting') return <PageLoader height="100dvh" />
  if (state.phase === 'unreachable') return <Unreachable />
  if (state.phase === 'loggedIn') return <Navigate to={from.path} replace />
  return (
    <Center component="main" mih="100dvh" p="md">
      <Stack w="100%" maw={400} gap="lg">
        <Stack gap={4} align="center">
          <img src="/favicon.svg" alt="" width={48} height={48} />
          <Text fw={700} size="xl">
            Jeton
          </Text>
        </Stack>
        <Card withBorder padding="lg">
          <Stack>
            <Title order={1} size="h3">
              {texts.title}
            </Title>
            {from.ended && kind === 'login' && (
              <Alert icon={<IconInfoCircle />} color="blue">
                You’ve been logged out. Log in to continue.
              </Alert>
            )}
            {from.deleted && kind === 'login' && (
              <Alert icon={<IconInfoCircle />} color="teal" role="status">
                Your account and everything in it is deleted.
              </Alert>
            )}
            <CredentialsForm kind={kind} />
            <Text size="sm">
              {texts.other.text}{' '}
              <Anchor component={Link} underline="always" to={texts.other.to} state={location.state as unknown}>
                {texts.other.link}
              </Anchor>
            </Text>
          </Stack>
        </Card>
        <Center>
          <ColorSchemeSwitch />
        </Center>
      </Stack>
    </Center>
  )
}

function CredentialsForm({ kind }: { kind: 'login' | 'register' }) {
  const session = useSession()
  const [problem, setProblem] = useState<Problem | null>(null)
  const [isBusy, setBusy] = useState(false)
  const [typed] = useState(readTypedEarly)
  const username = useRef<HTMLInputElement>(null)
  const password = useRef<HTMLInputElement>(null)
  const hasTakenOver = useRef(false)
  const form = useForm({
    mode: 'uncontrolled',
    initialValues: { username: typed.username, password: typed.password },
    validate: {
      username: (value) => (value.trim() ? null : 'Enter a username'),
      password: (value) => (value ? null : 'Enter your password'),
    },
  })

  useLayoutEffect(() => {
    if (hasTakenOver.current) return
    hasTakenOver.current = true
    const { focused, ...values } = readTypedEarly()
    // Typed while this was rendered.
    if (values.username !== typed.username || values.password !== typed.password) form.setValues(values)
    if (focused !== null) (focused === 'username' ? username : password).current?.focus()
  })

  const submit = form.onSubmit(async (input) => {
    setBusy(true)
    setProblem(null)
    try {
      session.accept(await (kind === 'login' ? login(input) : register(input)))
    } catch (thrown) {
      const rejection = asProblem(thrown)
      form.setErrors(rejection.fields)
      if (Object.keys(rejection.fields).length === 0) setProblem(rejection)
      setBusy(false)
    }
  })

  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        {problem && (
          <Alert color="red" role="alert">
            {problem.code === 'UNAUTHENTICATED' ? 'Wrong username or password.' : problem.message}
            {problem.retryAfter !== null && ` Try again in ${Math.ceil(problem.retryAfter)} s.`}
          </Alert>
        )}
        <TextInput
          label="Username"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          ref={username}
          key={form.key('username')}
          {...form.getInputProps('username')}
        />
        <PasswordInput
          label="Password"
          autoComplete={TEXTS[kind].password}
          description={kind === 'register' ? 'At least 8 characters, not easy to guess' : undefined}
          required
          ref={password}
          key={form.key('password')}
          {...form.getInputProps('password')}
        />
        <Button type="submit" loading={isBusy}>
          {TEXTS[kind].title}
        </Button>
      </Stack>
    </form>
  )
}
