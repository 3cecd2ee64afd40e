import { Button, Group } from '@mantine/core'
import { IconFileText, IconJson } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import type { ExportFormat } from '../gql/account'
import { useViewer } from '../session/context'
import { download, fileName } from '../text/download'
import { tellProblem } from '../ui/confirm'
import { Section } from '../ui/Section'
import { exportChats } from './exportChats'

const FILES: Record<ExportFormat, { extension: string; type: string }> = {
  JSON: { extension: 'json', type: 'application/json' },
  MARKDOWN: { extension: 'md', type: 'text/markdown' },
}

export function ExportCard() {
  const { socket } = useViewer()
  const [running, setRunning] = useState<ExportFormat | null>(null)
  const cancel = useRef<() => void>(undefined)
  useEffect(() => () => cancel.current?.(), [])

  const save = (format: ExportFormat) => {
    setRunning(format)
    cancel.current = exportChats(socket, format, {
      done: (parts) => {
        setRunning(null)
        const { extension, type } = FILES[format]
        download(parts, fileName('chats', extension, new Date()), type)
      },
      failed: (problem) => {
        setRunning(null)
        tellProblem(problem)
      },
    })
  }

  return (
    <Section title="Take your chats with you" description="All that have ended, oldest first, in one file.">
      <Group>
        <Button
          variant="default"
          leftSection={<IconFileText size={16} />}
          loading={running === 'MARKDOWN'}
          disabled={running === 'JSON'}
          onClick={() => save('MARKDOWN')}
        >
          Markdown, to read
        </Button>
        <Button
          variant="default"
          leftSection={<IconJson size={16} />}
          loading={running === 'JSON'}
          disabled={running === 'MARKDOWN'}
          onClick={() => save('JSON')}
        >
          JSON, for programs
        </Button>
      </Group>
    </Section>
  )
}
