import { Button } from '@mantine/core'
import type { TypedDocumentNode } from '@urql/core'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { download, fileName, FILES, type FileKind } from '../format/download'
import { collectChunks } from '../graphql/collectChunks'
import { useViewer } from '../session/context'
import { notifyProblem } from './confirm'

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
  const { socket } = useViewer()
  const [isRunning, setRunning] = useState(false)
  const cancel = useRef<() => void>(undefined)
  useEffect(() => () => cancel.current?.(), [])

  const save = () => {
    setRunning(true)
    cancel.current = collectChunks(socket, document, variables, {
      done: (chunks) => {
        setRunning(false)
        const { extension, type } = FILES[kind]
        download(chunks, fileName(name, extension, new Date()), type)
      },
      failed: (problem) => {
        setRunning(false)
        notifyProblem(problem)
      },
    })
  }

  return (
    <Button variant="default" leftSection={icon} loading={isRunning} onClick={save}>
      {children}
    </Button>
  )
}
