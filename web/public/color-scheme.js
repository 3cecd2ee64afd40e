// Sets the colour scheme before the first paint, so that a dark page does not flash white, and which placeholder of
// index.html is shown. A separate file, since the Content-Security-Policy forbids inline scripts. The key is the one of
// Mantine.
;(function () {
  let chosen = 'auto'
  try {
    chosen = localStorage.getItem('mantine-color-scheme-value') ?? 'auto'
  } catch {
    // Storage is blocked: defaults to the scheme of the system.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
  document.documentElement.style.backgroundColor = dark ? '#242424' : '#fff'
  document.documentElement.setAttribute('data-first-page', location.pathname.slice(1))
})()
