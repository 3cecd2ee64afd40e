import { Button } from '@mantine/core'
import type { TypedDocumentNode } from '@urql/core'
import type { ReactNode } from 'react'
import type { FileKind } from '../format/download'
import { useExport } from './useExport'

type Props<T, V> = {
  /** The subscription that returns the chunks of the file. */
  document: TypedDocumentNode<T, V>
  variables: V
  /** The content of the file, as a part of its name. */
  name: string
  kind: FileKind
  icon: ReactNode
  children: ReactNode
}

/** A button that exports a file, and downloads it when it is complete. */
export function ExportButton<T extends Record<string, { text: string }>, V extends Record<string, unknown>>({
  document,
  variables,
  name,
  kind,
  icon,
  children,
}: Props<T, V>) {
  const { isRunning, save } = useExport(document)
  return (
    <Button variant="default" leftSection={icon} loading={isRunning} onClick={() => save(variables, name, kind)}>
      {children}
    </Button>
  )
}
