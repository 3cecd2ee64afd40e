import { ActionIcon, Group, Text, Tooltip } from '@mantine/core'
import { IconDownload, IconTextWrap } from '@tabler/icons-react'
import { lazy, Suspense, useState } from 'react'
import { download } from '../../format/download'
import { CopyAction } from '../../ui/CopyAction'
import { codeFileName } from './codeFileName'
import classes from './markdown.module.css'

// The languages load with the first code block.
const HighlightedCode = lazy(() => import('./HighlightedCode'))

/** A code block. Its bar with the language and the actions stays in sight while the block scrolls by. */
export function CodeBlock({ code, language }: { code: string; language: string | null }) {
  const [isWrapped, setWrapped] = useState(false)
  return (
    <div className={classes.code} dir="ltr">
      <Group justify="space-between" px="sm" py={4} className={classes.codeBar}>
        <Text component="span" size="xs" c="dimmed">
          {language ?? 'text'}
        </Text>
        <Group gap={2}>
          <Tooltip label={isWrapped ? 'Do not wrap lines' : 'Wrap lines'}>
            <ActionIcon
              variant={isWrapped ? 'light' : 'subtle'}
              color="gray"
              size="sm"
              aria-label="Wrap lines"
              aria-pressed={isWrapped}
              onClick={() => setWrapped(!isWrapped)}
            >
              <IconTextWrap size={15} />
            </ActionIcon>
          </Tooltip>
          <Tooltip label="Download">
            <ActionIcon
              variant="subtle"
              color="gray"
              size="sm"
              aria-label="Download the code"
              onClick={() => download([code], codeFileName(language), 'text/plain')}
            >
              <IconDownload size={15} />
            </ActionIcon>
          </Tooltip>
          <CopyAction text={code} noun="code" />
        </Group>
      </Group>
      {/* Long lines scroll, also by keyboard. */}
      <pre
        className={`${classes.codeText} ${isWrapped ? classes.wrapped : ''}`}
        tabIndex={0}
        role="region"
        aria-label={`Code, ${language ?? 'plain'}`}
      >
        <code>
          {language ? (
            <Suspense fallback={code}>
              <HighlightedCode code={code} language={language} />
            </Suspense>
          ) : (
            code
          )}
        </code>
      </pre>
    </div>
  )
}
