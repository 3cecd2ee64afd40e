import { AppShell, Burger, Drawer, Group } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { createContext, use, useEffect, useRef, type ReactNode } from 'react'
import { useLocation } from 'react-router'
import { useIsPhone } from '../ui/useIsPhone'
import { Brand } from './Brand'
import { Header } from './Header'

/** Closes the drawer of the navigation, for links in it to the current page. */
const CloseNavigation = createContext<() => void>(() => undefined)

/** Returns the function that closes the drawer of the navigation. */
export function useCloseNavigation(): () => void {
  return use(CloseNavigation)
}

type Props = {
  children: ReactNode
  /** The sidebar; a drawer on narrow screens. */
  navigation?: { label: string; content: ReactNode }
  /** Limits the page to the height of the screen; its parts scroll. */
  fixed?: boolean
}

/** The layout of all pages: header, navigation, content. */
export function Frame({ children, navigation, fixed = false }: Props) {
  const isNarrow = useIsPhone()
  const [opened, { open, close }] = useDisclosure(false)
  const { pathname, search } = useLocation()
  const main = useRef<HTMLElement>(null)

  useEffect(close, [pathname, search, close])

  return (
    <AppShell
      header={{ height: 56 }}
      {...(navigation && { navbar: { width: 300, breakpoint: 'sm', collapsed: { mobile: true } } })}
      transitionDuration={0}
    >
      <AppShell.Header>
        <a
          href="#main"
          className="skip-link"
          onClick={(event) => {
            event.preventDefault()
            main.current?.focus()
          }}
        >
          Skip to content
        </a>
        <Group h="100%" px={{ base: 'xs', sm: 'md' }} gap="xs" wrap="nowrap">
          {navigation && isNarrow && (
            <Burger
              opened={opened}
              onClick={open}
              size="sm"
              aria-label={`Open ${navigation.label.toLowerCase()}`}
              aria-expanded={opened}
            />
          )}
          <Brand />
          <Header />
        </Group>
      </AppShell.Header>
      {navigation && !isNarrow && <AppShell.Navbar aria-label={navigation.label}>{navigation.content}</AppShell.Navbar>}
      {navigation && isNarrow && (
        <Drawer
          opened={opened}
          onClose={close}
          title={navigation.label}
          size={300}
          padding={0}
          styles={{ header: { padding: '0 0.75rem' }, body: { height: 'calc(100% - 3.75rem)' } }}
          closeButtonProps={{ 'aria-label': 'Close' }}
        >
          <CloseNavigation value={close}>{navigation.content}</CloseNavigation>
        </Drawer>
      )}
      <AppShell.Main id="main" ref={main} tabIndex={-1} {...(fixed && { h: '100dvh' })}>
        {children}
      </AppShell.Main>
    </AppShell>
  )
}
