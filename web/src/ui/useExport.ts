import type { TypedDocumentNode } from '@urql/core'
import { useEffect, useRef, useState } from 'react'
import { download, fileName, FILES, type FileKind } from '../format/download'
import { collectChunks } from '../graphql/collectChunks'
import { useViewer } from '../session/context'
import { notifyProblem } from './confirm'

/**
 * Exports files, and downloads each when it is complete. The name says what is in the file.
 *
 * @param document The subscription that returns the chunks of a file.
 */
export function useExport<T extends Record<string, { text: string }>, V extends Record<string, unknown>>(
  document: TypedDocumentNode<T, V>,
) {
  const { socket } = useViewer()
  const [isRunning, setRunning] = useState(false)
  const cancel = useRef<() => void>(undefined)
  useEffect(() => () => cancel.current?.(), [])

  const save = (variables: V, name: string, kind: FileKind) => {
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
  return { isRunning, save }
}
