import { Button, Group } from '@mantine/core'
import { Link } from 'react-router'
import { formatAmount, formatTokens, type Currency } from '../format/prices'
import { roleLabel } from '../format/roles'
import { DateTime } from '../ui/DateTime'
import { DescriptionList } from '../ui/DescriptionList'
import type { User } from './lists'
import { auditPath, chatsPath, ledgerPath } from './paths'
import { ActiveBadge } from './userColumns'

/** What is known of a user, with links to the lists of all users, filtered by this one. */
export function UserFacts({ user, currency }: { user: User; currency: Currency | null }) {
  const links: [label: string, path: string][] = [
    ['All messages', chatsPath(user.id)],
    ['Whole ledger', ledgerPath(user.id)],
    ['Audit events', auditPath(user.id)],
  ]
  return (
    <>
      <DescriptionList
        items={[
          ['Role', roleLabel(user)],
          ['Status', <ActiveBadge key="status" user={user} />],
          ['Balance', <strong key="balance">{formatAmount(user.balance.tokens, currency)}</strong>],
          ['Reserved', formatTokens(user.balance.held)],
          ['Spent, 30 days', formatAmount(user.spent ?? 0, currency)],
          ['Last active', <DateTime key="active" iso={user.lastActiveAt} />],
          ['Last login', <DateTime key="seen" iso={user.lastLoginAt} />],
          ['Created', <DateTime key="created" iso={user.createdAt} />],
        ]}
      />
      <Group gap="xs" component="nav" aria-label="Lists of this user" ml={-8}>
        {links.map(([label, path]) => (
          <Button key={path} component={Link} to={path} variant="subtle" size="compact-sm">
            {label}
          </Button>
        ))}
      </Group>
    </>
  )
}
