import { Container, NavLink, Stack } from '@mantine/core'
import {
  IconChartBar,
  IconCoins,
  IconHistory,
  IconKey,
  IconMessages,
  IconPlugConnected,
  IconRobot,
  IconUsers,
  IconUsersGroup,
  IconWebhook,
} from '@tabler/icons-react'
import { Suspense } from 'react'
import { Link, Outlet, useLocation } from 'react-router'
import { Frame } from '../layout/Frame'
import { useViewer } from '../session/context'
import { PageLoader } from '../ui/PageLoader'

const PAGES = [
  { path: '/admin', label: 'Dashboard', Icon: IconChartBar },
  { path: '/admin/users', label: 'Users', Icon: IconUsers },
  { path: '/admin/groups', label: 'Groups', Icon: IconUsersGroup },
  { path: '/admin/chats', label: 'Messages', Icon: IconMessages },
  { path: '/admin/keys', label: 'API keys', Icon: IconKey },
  { path: '/admin/models', label: 'Models', Icon: IconRobot },
  { path: '/admin/providers', label: 'Providers', Icon: IconPlugConnected },
  { path: '/admin/webhooks', label: 'Webhooks', Icon: IconWebhook, isForSuperusers: true },
  { path: '/admin/ledger', label: 'Ledger', Icon: IconCoins },
  { path: '/admin/audit', label: 'Audit log', Icon: IconHistory },
]

export function AdminFrame() {
  return (
    <Frame navigation={{ label: 'Administration', content: <Navigation /> }}>
      <Container size="xl" py="lg">
        <Suspense fallback={<PageLoader />}>
          <Outlet />
        </Suspense>
      </Container>
    </Frame>
  )
}

function Navigation() {
  const { pathname } = useLocation()
  const { user } = useViewer()
  const isOn = (path: string) => (path === '/admin' ? /^\/admin\/?$/.test(pathname) : pathname.startsWith(path))
  return (
    <Stack gap={2} p="xs">
      {PAGES.filter(({ isForSuperusers }) => user.isSuperuser || isForSuperusers !== true).map(
        ({ path, label, Icon }) => (
          <NavLink
            key={path}
            component={Link}
            to={path}
            label={label}
            leftSection={<Icon size={18} aria-hidden />}
            active={isOn(path)}
            aria-current={isOn(path) ? 'page' : undefined}
            style={{ borderRadius: 'var(--mantine-radius-md)' }}
          />
        ),
      )}
    </Stack>
  )
}
