import { Button, Group } from '@mantine/core'
import { IconLogout } from '@tabler/icons-react'
import { useSession } from '../session/context'
import { confirmDanger } from '../ui/confirm'
import { Section } from '../ui/Section'
import { SessionList } from './SessionList'

/** The devices of the viewer. Another number of `changes` loads them anew. */
export function SessionsCard({ changes }: { changes: number }) {
  const session = useSession()
  const leaveAll = () =>
    confirmDanger({
      title: 'Log out everywhere?',
      text: 'All devices are logged out, including this one. Answers in progress continue, and will be in your conversations.',
      confirm: 'Log out everywhere',
      run: () => session.logOut('everywhere'),
    })
  return (
    <Section title="Devices" description="A device stays logged in until it logs out or is not used for a while.">
      <SessionList changes={changes} />
      <Group>
        <Button variant="default" leftSection={<IconLogout size={16} />} onClick={leaveAll}>
          Log out everywhere…
        </Button>
      </Group>
    </Section>
  )
}
