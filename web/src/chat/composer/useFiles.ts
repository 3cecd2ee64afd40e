import { useEffect, useEffectEvent, useState, type ClipboardEvent } from 'react'
import { readTextFile } from './textFiles'

/**
 * Handles files that are dropped on the page or pasted: inserts text files, and says why others are not. Without it the
 * browser would leave the page and open the file.
 */
export function useFiles(text: string, maxLength: number, insert: (text: string) => void) {
  const [notice, setNotice] = useState<string | null>(null)
  const [isDragging, setDragging] = useState(false)

  const take = async (files: readonly File[]) => {
    setNotice(null)
    let added = ''
    for (const file of files) {
      const read = await readTextFile(file, text + added, maxLength)
      if ('problem' in read) {
        setNotice(read.problem)
        break
      }
      added += `${added === '' ? '' : '\n'}${read.text}`
    }
    if (added !== '') insert(added)
  }

  const onDrag = useEffectEvent((event: DragEvent) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    if (event.type === 'drop') void take([...event.dataTransfer.files])
    // `relatedTarget` is null where the pointer leaves the window.
    setDragging(event.type === 'dragover' || (event.type === 'dragleave' && event.relatedTarget !== null))
  })

  useEffect(() => {
    const listener = (event: DragEvent) => onDrag(event)
    const names = ['dragover', 'dragleave', 'drop'] as const
    for (const name of names) window.addEventListener(name, listener)
    return () => {
      for (const name of names) window.removeEventListener(name, listener)
    }
  }, [])

  const onPaste = (event: ClipboardEvent) => {
    const { files, types } = event.clipboardData
    // Programs such as spreadsheets offer an image of the text as well.
    if (files.length === 0 || types.includes('text/plain')) return
    event.preventDefault()
    void take([...files])
  }

  return { notice, clearNotice: () => setNotice(null), isDragging, onPaste }
}
