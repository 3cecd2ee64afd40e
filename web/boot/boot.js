// Runs before the first paint, inlined by scripts/inlineBoot.ts. Sets the colour scheme, so that a dark page does not flash
// white, and which part of index.html is shown until the page is loaded. Keeps what is submitted before.
;(() => {
  const root = document.documentElement
  const stored = (key) => {
    try {
      return localStorage.getItem(key)
    } catch {
      // Storage is blocked.
      return undefined
    }
  }
  // The key is the one of Mantine.
  const scheme = stored('mantine-color-scheme-value') ?? 'auto'
  const isDark = scheme === 'dark' || (scheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.mantineColorScheme = isDark ? 'dark' : 'light'

  const { pathname } = location
  // Without a log-in in this browser, these pages lead to the log-in page: see src/app/visitor.ts.
  const isNewVisitor = stored('jeton:visitor') === null
  const needsLogin = /^\/($|c\/|account$|admin(\/|$)|graphiql$)/.test(pathname)
  const isLogin = pathname === '/login' || (isNewVisitor && needsLogin)
  root.dataset.boot = pathname === '/register' ? 'register' : isLogin ? 'login' : 'page'

  if (root.dataset.boot !== 'page') {
    // Instead of the attribute `autofocus`, which waits for the style sheets.
    const observer = new MutationObserver(() => {
      const field = document.getElementById('boot-username')
      if (!field) return
      observer.disconnect()
      field.focus()
    })
    observer.observe(root, { childList: true, subtree: true })
  }

  document.addEventListener('submit', ({ target }) => {
    if (target.id === 'boot-form') target.dataset.submitted = 'true'
  })
})()
