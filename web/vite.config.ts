import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Keeps the fonts of KaTeX in one format, which all supported browsers read, instead of three. */
function onlyWoff2(): Plugin {
  return {
    name: 'only-woff2',
    enforce: 'pre',
    transform: {
      filter: { id: /katex\.min\.css/ },
      handler: (css) => css.replaceAll(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, ''),
    },
  }
}

export default defineConfig({
  plugins: [react(), onlyWoff2()],
  resolve: {
    alias: {
      // Its browser variant needs a document, which workers lack.
      'decode-named-character-reference': fileURLToPath(
        new URL('node_modules/decode-named-character-reference/index.js', import.meta.url),
      ),
    },
  },
  build: {
    target: 'es2022',
    // Browsers that support `light-dark()`, since May 2024. For older targets it is compiled to CSS that ignores the selected scheme.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    rolldownOptions: {
      // The bundler does not know the directives of the compiler that GraphiQL was built with.
      checks: { moduleLevelDirective: false },
      output: {
        // The libraries of the first page in one file, since they change less often than the client.
        codeSplitting: { groups: [{ name: 'vendor', tags: ['$initial'], test: /node_modules/ }] },
      },
    },
    // The editor of the GraphiQL page is the only large chunk, and loads on that page only.
    chunkSizeWarningLimit: 4500,
  },
  server: {
    proxy: {
      '/graphql': { target: 'http://127.0.0.1:8000', ws: true },
    },
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
  },
})
