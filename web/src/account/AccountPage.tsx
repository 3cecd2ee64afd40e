import { Container, SimpleGrid, Stack, Title } from '@mantine/core'
import { KeysCard } from '../keys/KeysCard'
import { Frame } from '../layout/Frame'
import { useTitle } from '../ui/useTitle'
import { DeleteAccountCard } from './DeleteAccountCard'
import { ExportCard } from './ExportCard'
import { LedgerCard } from './LedgerCard'
import { PasswordCard } from './PasswordCard'
import { ProfileCard } from './ProfileCard'
import { SessionsCard } from './SessionsCard'

export default function AccountPage() {
  useTitle('Account')
  return (
    <Frame>
      <Container size="lg" py="lg">
        <Stack gap="lg">
          <Title order={1} size="h2">
            Account
          </Title>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Stack>
              <ProfileCard />
              <SessionsCard />
            </Stack>
            <Stack>
              <PasswordCard />
              <ExportCard />
            </Stack>
          </SimpleGrid>
          <KeysCard />
          <LedgerCard />
          <DeleteAccountCard />
        </Stack>
      </Container>
    </Frame>
  )
}
