// Lists the sizes of the built files, and fails if the first load of the chat page exceeds its budget.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** The budget in bytes of gzip, for JavaScript and CSS. */
const BUDGET = 300_000

const dist = new URL('../dist/', import.meta.url)
const page = readFileSync(new URL('index.html', dist), 'utf8')
const first = new Set([...page.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]))

const files = ['color-scheme.js', ...readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`)]
const sizes = files
  .filter((name) => /\.(js|css)$/.test(name))
  .map((name) => ({ name, bytes: gzipSync(readFileSync(new URL(name, dist))).length, isFirst: first.has(name) }))
  .sort((a, b) => Number(b.isFirst) - Number(a.isFirst) || b.bytes - a.bytes)

for (const { name, bytes, isFirst } of sizes.slice(0, 25)) {
  console.log(`${isFirst ? 'first' : 'later'} ${(bytes / 1000).toFixed(1).padStart(8)} kB  ${name}`)
}
if (sizes.length > 25) console.log(`… and ${sizes.length - 25} smaller files`)

const total = sizes.filter(({ isFirst }) => isFirst).reduce((sum, { bytes }) => sum + bytes, 0)
console.log(`first load: ${(total / 1000).toFixed(1)} kB of ${BUDGET / 1000} kB (gzip)`)
if (total > BUDGET) process.exit(1)
