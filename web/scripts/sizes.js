// Lists the sizes of the built files, and fails if the first load of the log-in page or of the chat exceeds its budget.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** The budgets in bytes of gzip, for HTML, JavaScript and CSS. */
const BUDGETS = { login: 200_000, chat: 300_000 }

const dist = new URL('../dist/', import.meta.url)
const read = (name) => readFileSync(new URL(name, dist))
const names = ['index.html', ...readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`)]

/** The files that a page loads by itself, and those that its scripts import. */
const withImports = (roots) => {
  const loaded = new Set()
  const add = (name) => {
    if (loaded.has(name)) return
    loaded.add(name)
    if (!name.endsWith('.js')) return
    for (const [, imported] of read(name)
      .toString()
      .matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g))
      add(`assets/${imported}`)
    // The styles of a script have its name.
    const [, stem] = /^assets\/(.+)-[\w-]{8}\.js$/.exec(name) ?? []
    if (stem) names.filter((other) => other.startsWith(`assets/${stem}-`) && other.endsWith('.css')).forEach(add)
  }
  roots.forEach(add)
  return loaded
}
/** The script of a lazily loaded page. */
const page = (stem) => names.find((name) => name.startsWith(`assets/${stem}-`) && name.endsWith('.js'))

const first = [
  ...read('index.html')
    .toString()
    .matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g),
].map((match) => match[1])
const loads = {
  login: withImports(['index.html', ...first, page('CredentialsPage')]),
  chat: withImports(['index.html', ...first, page('MainPages'), page('ChatPage')]),
}

const sizes = names
  .filter((name) => /\.(html|js|css)$/.test(name))
  .map((name) => ({ name, bytes: gzipSync(read(name)).length, isFirst: loads.chat.has(name) || loads.login.has(name) }))
  .sort((a, b) => Number(b.isFirst) - Number(a.isFirst) || b.bytes - a.bytes)

for (const { name, bytes, isFirst } of sizes.slice(0, 40)) {
  console.log(`${isFirst ? 'first' : 'later'} ${(bytes / 1000).toFixed(1).padStart(8)} kB  ${name}`)
}
if (sizes.length > 40) console.log(`… and ${sizes.length - 40} smaller files`)

for (const [name, load] of Object.entries(loads)) {
  const total = sizes.filter((file) => load.has(file.name)).reduce((sum, { bytes }) => sum + bytes, 0)
  console.log(`first load of ${name}: ${(total / 1000).toFixed(1)} kB of ${BUDGETS[name] / 1000} kB (gzip)`)
  if (total > BUDGETS[name]) process.exitCode = 1
}
