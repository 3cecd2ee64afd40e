import { useDocumentTitle } from '@mantine/hooks'

/** Sets the title of the page. */
export function useTitle(title: string): void {
  useDocumentTitle(title ? `${title} · Jeton` : 'Jeton')
}
