import { ActionIcon, Group, Menu, Text, Tooltip } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { IconBraces, IconLogout, IconMessages, IconShieldCog, IconUser, IconUserCircle } from '@tabler/icons-react'
import { Link } from 'react-router'
import { isOperator } from '../format/roles'
import { asProblem } from '../graphql/problem'
import { useSession, useViewer } from '../session/context'
import { BalanceBadge } from './BalanceBadge'
import { ColorSchemeItems } from './ColorSchemeItems'
import { ConnectionBadge } from './ConnectionBadge'

/** The right side of the header: connection, balance and user menu. */
export function Header() {
  return (
    <Group gap="xs" ml="auto" wrap="nowrap" miw={0}>
      <ConnectionBadge />
      <BalanceBadge />
      <AdminLink />
      <ViewerMenu />
    </Group>
  )
}

/** One click from the chat to the pages of operators. */
function AdminLink() {
  const { user } = useViewer()
  if (!isOperator(user)) return null
  return (
    <Tooltip label="Administration" openDelay={400}>
      <ActionIcon component={Link} to="/admin" variant="subtle" color="gray" size="lg" aria-label="Administration">
        <IconShieldCog />
      </ActionIcon>
    </Tooltip>
  )
}

function ViewerMenu() {
  const session = useSession()
  const { user } = useViewer()

  const logOut = () =>
    session
      .logOut()
      .catch((thrown: unknown) =>
        notifications.show({ color: 'red', title: 'You are still logged in', message: asProblem(thrown).message }),
      )

  return (
    // In the header, so that it is part of a landmark.
    <Menu position="bottom-end" width={220} withinPortal={false}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Menu of ${user.username}`}>
          <IconUserCircle />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={600} truncate>
            {user.username}
          </Text>
        </Menu.Label>
        <Menu.Item component={Link} to="/" leftSection={<IconMessages size={16} />}>
          Chat
        </Menu.Item>
        <Menu.Item component={Link} to="/account" leftSection={<IconUser size={16} />}>
          Account
        </Menu.Item>
        {isOperator(user) && (
          <Menu.Item component={Link} to="/admin" leftSection={<IconShieldCog size={16} />}>
            Administration
          </Menu.Item>
        )}
        {isOperator(user) && (
          <Menu.Item component={Link} to="/graphiql" leftSection={<IconBraces size={16} />}>
            GraphiQL
          </Menu.Item>
        )}
        <Menu.Divider />
        <ColorSchemeItems />
        <Menu.Divider />
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logOut()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
