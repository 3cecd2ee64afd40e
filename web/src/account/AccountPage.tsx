import { Container, SimpleGrid, Stack, Tabs, Title } from '@mantine/core'
import { IconDatabase, IconHistory, IconKey, IconShieldLock, IconUser } from '@tabler/icons-react'
import { useState } from 'react'
import { KeysCard } from '../keys/KeysCard'
import { PayerCard } from '../groups/PayerCard'
import { Frame } from '../layout/Frame'
import { useIsPhone } from '../ui/useIsPhone'
import { useSearchParam } from '../ui/useSearchParam'
import { useTitle } from '../ui/useTitle'
import { DeleteAccountCard } from './DeleteAccountCard'
import { ExportCard } from './ExportCard'
import { LedgerCard } from './LedgerCard'
import { PasswordCard } from './PasswordCard'
import { PricesCard } from './PricesCard'
import { ProfileCard } from './ProfileCard'
import { SessionsCard } from './SessionsCard'
import { SpendingCard } from './SpendingCard'
import { parseTab, TABS, type AccountTab } from './tabs'

const ICONS: Record<AccountTab, typeof IconUser> = {
  profile: IconUser,
  usage: IconHistory,
  keys: IconKey,
  security: IconShieldLock,
  data: IconDatabase,
}

/** The account of the viewer, in tabs that can be linked to. */
export default function AccountPage() {
  useTitle('Account')
  const [selected, select] = useSearchParam('tab')
  const tab = parseTab(selected)
  const isPhone = useIsPhone()
  return (
    <Frame>
      <Container size="lg" py="lg">
        <Stack gap="lg">
          <Title order={1} size="h2">
            Account
          </Title>
          <Tabs value={tab} onChange={(value) => select(value === 'profile' ? null : value)} keepMounted={false}>
            <Tabs.List mb="lg">
              {TABS.map(({ value, label }) => {
                const Icon = ICONS[value]
                return (
                  <Tabs.Tab
                    key={value}
                    value={value}
                    // In one row on a phone.
                    {...(isPhone ? { px: 'xs' } : { leftSection: <Icon size={16} aria-hidden /> })}
                  >
                    {label}
                  </Tabs.Tab>
                )
              })}
            </Tabs.List>
            <Tabs.Panel value="profile">
              <Stack>
                <ProfileCard />
                <PayerCard />
              </Stack>
            </Tabs.Panel>
            <Tabs.Panel value="usage">
              <Stack>
                <SpendingCard />
                <LedgerCard />
                <PricesCard />
              </Stack>
            </Tabs.Panel>
            <Tabs.Panel value="keys">
              <KeysCard />
            </Tabs.Panel>
            <Tabs.Panel value="security">
              <Security />
            </Tabs.Panel>
            <Tabs.Panel value="data">
              <Stack>
                <ExportCard />
                <DeleteAccountCard />
              </Stack>
            </Tabs.Panel>
          </Tabs>
        </Stack>
      </Container>
    </Frame>
  )
}

function Security() {
  // A new password ends the other sessions.
  const [changes, setChanges] = useState(0)
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <PasswordCard onChanged={() => setChanges((n) => n + 1)} />
      <SessionsCard changes={changes} />
    </SimpleGrid>
  )
}
