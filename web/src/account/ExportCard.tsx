import { Group } from '@mantine/core'
import { IconFileText, IconJson } from '@tabler/icons-react'
import { ExportChatsDocument } from '../gql/account'
import { ExportButton } from '../ui/ExportButton'
import { Section } from '../ui/Section'

export function ExportCard() {
  return (
    <Section title="Export data" description="All finished messages and answers, oldest first, in one file.">
      <Group>
        <ExportButton
          document={ExportChatsDocument}
          variables={{ format: 'MARKDOWN' }}
          name="chats"
          kind="markdown"
          icon={<IconFileText size={16} />}
        >
          Markdown
        </ExportButton>
        <ExportButton
          document={ExportChatsDocument}
          variables={{ format: 'JSON' }}
          name="chats"
          kind="json"
          icon={<IconJson size={16} />}
        >
          JSON
        </ExportButton>
      </Group>
    </Section>
  )
}
