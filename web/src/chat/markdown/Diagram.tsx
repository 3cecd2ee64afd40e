import { ActionIcon, Group, Text, Tooltip, useComputedColorScheme } from '@mantine/core'
import { useDebouncedValue, useInViewport } from '@mantine/hooks'
import { IconChartDots3, IconCode } from '@tabler/icons-react'
import { useEffect, useState } from 'react'
import { CopyAction } from '../../ui/CopyAction'
import { CodeBlock } from './CodeBlock'
import { MAX_DIAGRAM } from './limits'
import classes from './markdown.module.css'
import type { DiagramImage } from './renderDiagram'

/** Milliseconds without a change before a diagram is drawn, since it is incomplete while it is being written. */
const PAUSE = 400

/** The diagram of Mermaid code. Drawn when it is seen; shown as its source until then, and if it is wrong. */
export function Diagram({ code }: { code: string }) {
  const { ref, inViewport } = useInViewport()
  const [isSource, setSource] = useState(false)
  const image = useDiagram(code, inViewport)
  const isDrawn = image !== null && !isSource
  const label = isDrawn ? 'Show the source' : 'Show the diagram'
  return (
    <div ref={ref}>
      {image && (
        <Group justify="space-between" px="sm" py={4} className={classes.diagramBar}>
          <Text component="span" size="xs" c="dimmed">
            diagram
          </Text>
          <Group gap={2}>
            <Tooltip label={label}>
              <ActionIcon variant="subtle" color="gray" size="sm" aria-label={label} onClick={() => setSource(isDrawn)}>
                {isDrawn ? <IconCode size={15} /> : <IconChartDots3 size={15} />}
              </ActionIcon>
            </Tooltip>
            <CopyAction text={code} noun="source" />
          </Group>
        </Group>
      )}
      {isDrawn ? (
        <div className={classes.diagram} tabIndex={0} role="region" aria-label={image.title}>
          <img src={image.url} width={image.width} height={image.height} alt="" />
        </div>
      ) : (
        <CodeBlock code={code} language="mermaid" />
      )}
    </div>
  )
}

/** Returns the image of a diagram; null if it is not drawn, or cannot be. */
function useDiagram(code: string, isSeen: boolean): DiagramImage | null {
  const scheme = useComputedColorScheme('light')
  const [settled] = useDebouncedValue(code, PAUSE)
  const [drawn, setDrawn] = useState<{ code: string; scheme: string; image: DiagramImage | null } | null>(null)
  const isDue = isSeen && settled.length <= MAX_DIAGRAM && (drawn?.code !== settled || drawn.scheme !== scheme)

  useEffect(() => {
    if (!isDue) return
    let isCurrent = true
    import('./renderDiagram')
      .then(({ renderDiagram }) => renderDiagram(settled, scheme === 'dark'))
      .catch(() => null)
      .then((image) => {
        if (isCurrent) setDrawn({ code: settled, scheme, image })
      })
      .catch(() => undefined)
    return () => {
      isCurrent = false
    }
  }, [isDue, settled, scheme])

  return drawn?.code === code ? drawn.image : null
}
