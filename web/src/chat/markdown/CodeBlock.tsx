import { Group, Text } from '@mantine/core'
import { lazy, Suspense } from 'react'
import { CopyAction } from '../../ui/CopyAction'
import classes from './markdown.module.css'

// The languages load with the first code block.
const HighlightedCode = lazy(() => import('./HighlightedCode'))

/** A code block with its language and a button that copies it. */
export function CodeBlock({ code, language }: { code: string; language: string | null }) {
  return (
    <div className={classes.code}>
      <Group justify="space-between" px="sm" py={4} className={classes.codeBar}>
        <Text component="span" size="xs" c="dimmed">
          {language ?? 'code'}
        </Text>
        <CopyAction text={code} noun="code" />
      </Group>
      {/* Long lines scroll, also by keyboard. */}
      <pre className={classes.codeText} tabIndex={0} role="region" aria-label={`Code, ${language ?? 'plain'}`}>
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
