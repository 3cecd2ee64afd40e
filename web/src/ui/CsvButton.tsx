import { Button, type ButtonProps } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useState } from 'react'
import { formatCsv, type CsvCell } from '../format/csv'
import { download, fileName, FILES } from '../format/download'
import { notifyProblem } from './confirm'

type Props = ButtonProps & {
  /** The content of the file, as a part of its name. */
  name: string
  header: readonly string[]
  /** Returns the rows of the file, perhaps after loading them. */
  rows: () => Promise<CsvCell[][]> | CsvCell[][]
  /** The accessible name, where several tables of a page have such a button. */
  'aria-label'?: string
}

/** A button that downloads rows as CSV. */
export function CsvButton({ name, header, rows, ...rest }: Props) {
  const [isRunning, setRunning] = useState(false)
  const save = async () => {
    setRunning(true)
    try {
      const { extension, type } = FILES.csv
      download([formatCsv(header, await rows())], fileName(name, extension, new Date()), type)
    } catch (thrown) {
      notifyProblem(thrown)
    } finally {
      setRunning(false)
    }
  }
  return (
    <Button
      variant="default"
      leftSection={<IconDownload size={16} />}
      {...rest}
      loading={isRunning}
      onClick={() => void save()}
    >
      Download CSV
    </Button>
  )
}
