import { Alert, Anchor, Box, Card, Center, Stack, Text, Title } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { useEffect, useLayoutEffect, useState } from 'react'
import { Link, Navigate, useLocation } from 'react-router'
import { removeBoot } from '../app/boot'
import { preloadChat } from '../app/pages'
import { useSessionState } from '../session/context'
import { useServerRules } from '../session/serverRules'
import { ColorSchemeSwitch } from '../ui/ColorSchemeSwitch'
import { PageLoader } from '../ui/PageLoader'
import { useTitle } from '../ui/useTitle'
import { CredentialsForm } from './CredentialsForm'
import { OperatorContact } from './OperatorContact'
import { returnTo } from './returnTo'
import { Unreachable } from './Unreachable'

type Props = { kind: 'login' | 'register' }

const TITLES = { login: 'Log in', register: 'Create account' }

/** The page for log-in and registration. */
export default function CredentialsPage({ kind }: Props) {
  const state = useSessionState()
  const location = useLocation()
  const from = returnTo(location.state, state.phase === 'loggedIn' ? state.user.id : undefined)
  useTitle(TITLES[kind])
  // While somebody types, and not before the form is there.
  useEffect(() => {
    if (state.phase === 'loggedOut') preloadChat()
  }, [state.phase])
  // Until then there is a form already, in index.html. After the effects of this one, which takes over what is typed.
  useLayoutEffect(() => {
    if (state.phase !== 'starting') removeBoot()
  }, [state.phase])

  if (state.phase === 'starting') return <PageLoader height="100dvh" />
  if (state.phase === 'unreachable') return <Unreachable />
  if (state.phase === 'loggedIn') return <Navigate to={from.path} replace />
  return (
    // From the top, so that nothing moves by what is said below the fields.
    <Box component="main" mih="100dvh" p="md" pt="min(16vh, 9rem)">
      <Stack w="100%" maw={400} mx="auto" gap="lg">
        <Stack gap={4} align="center">
          <img src="/favicon.svg" alt="" width={48} height={48} />
          <Text fw={700} size="xl">
            Jeton
          </Text>
        </Stack>
        <Card withBorder padding="lg">
          <Stack>
            <Title order={1} size="h3">
              {TITLES[kind]}
            </Title>
            <Credentials key={kind} kind={kind} />
          </Stack>
        </Card>
        <Center>
          <ColorSchemeSwitch />
        </Center>
      </Stack>
    </Box>
  )
}

/** The form, with what is said around it. */
function Credentials({ kind }: Props) {
  const rules = useServerRules()
  // What led here is not true any more then.
  const [wasSubmitted, setSubmitted] = useState(false)
  const isClosed = rules?.registration === 'CLOSED'
  if (kind === 'register' && isClosed) {
    return (
      <>
        <Text size="sm">
          Registration is closed: accounts are made by your operator. <OperatorContact contact={rules.contact} />
        </Text>
        <OtherPage text="Already have an account?" link="Log in" to="/login" />
      </>
    )
  }
  return (
    <>
      {!wasSubmitted && kind === 'login' && <ReasonForLogin />}
      <CredentialsForm kind={kind} rules={rules} onSubmit={() => setSubmitted(true)} />
      {kind === 'register' && <OtherPage text="Already have an account?" link="Log in" to="/login" />}
      {kind === 'login' && (
        <Stack gap="xs">
          <Text size="sm">
            Forgot your password? <OperatorContact contact={rules?.contact} />
          </Text>
          {isClosed ? (
            <Text size="sm">Accounts are made by your operator.</Text>
          ) : (
            <OtherPage text="New here?" link="Create account" to="/register" />
          )}
        </Stack>
      )}
    </>
  )
}

/** Says what happened just before: the session or the account has ended. */
function ReasonForLogin() {
  const { ended, deleted } = returnTo(useLocation().state)
  if (!ended && !deleted) return null
  return (
    <Alert icon={<IconInfoCircle />} color={deleted ? 'teal' : 'blue'} role="status">
      {deleted ? 'Your account and everything in it is deleted.' : 'You’ve been logged out. Log in to continue.'}
    </Alert>
  )
}

function OtherPage({ text, link, to }: { text: string; link: string; to: string }) {
  const state = useLocation().state as unknown
  return (
    <Text size="sm">
      {text}{' '}
      <Anchor component={Link} underline="always" to={to} state={state}>
        {link}
      </Anchor>
    </Text>
  )
}
