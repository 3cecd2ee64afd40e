import { readFileSync } from 'node:fs'
import { minifySync, type Plugin } from 'vite'

const read = (name: string) => readFileSync(new URL(`../boot/${name}`, import.meta.url), 'utf8')

/**
 * Inlines the styles and the script of the first paint into index.html, so that the log-in form is there with the first
 * response. The Content-Security-Policy of the server allows the script by its hash.
 */
export const inlineBoot: Plugin = {
  name: 'inline-boot',
  transformIndexHtml: {
    order: 'pre',
    handler: (html) =>
      html
        .replace('<!-- boot.css -->', () => `<style>${read('boot.css')}</style>`)
        .replace('<!-- boot.js -->', () => `<script>${minifySync('boot.js', read('boot.js')).code}</script>`)
        .replaceAll(/\s*<!--[^]*?-->/g, ''),
  },
}
