import { Button, Group } from '@mantine/core'
import { IconLogout } from '@tabler/icons-react'
import { useSession } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { Section } from '../ui/Section'
import { SessionList } from './SessionList'

export function SessionsCard() {
  const session = useSession()
  const leaveAll = () =>
    confirmDanger({
      title: 'Log out everywhere?',
      text: 'All devices are logged out, this one too. Answers on their way go on, and wait in your chats.',
      confirm: 'Log out everywhere',
      run: () => session.logOut('everywhere'),
    })
  return (
    <Section title="Devices" description="A device stays logged in until it logs out, or is not used for some time.">
      <SessionList />
      <Group>
        <Button variant="default" leftSection={<IconLogout size={16} />} onClick={leaveAll}>
          Log out everywhere…
        </Button>
      </Group>
    </Section>
  )
}
