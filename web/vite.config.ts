import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  plugins: [react()],
  resolve: {
    alias: {
      // Its variant for browsers needs a document, which workers do not have.
      'decode-named-character-reference': fileURLToPath(
        new URL('node_modules/decode-named-character-reference/index.js', import.meta.url),
      ),
    },
  },
  build: {
    target: 'es2022',
    // Browsers that know `light-dark()` since May 2024. Older targets get a substitute that does not see the chosen scheme.
    cssTarget: ['chrome123', 'edge123', 'firefox120', 'safari17.5'],
    rolldownOptions: {
      // The compiler that GraphiQL was built with left its marks, which mean nothing to the bundler.
      checks: { moduleLevelDirective: false },
      output: {
        // What the first page needs of libraries in one file, which changes less often than our own code.
        codeSplitting: { groups: [{ name: 'vendor', tags: ['$initial'], test: /node_modules/ }] },
      },
    },
    // The editor of the GraphiQL page is the one large chunk, and loads only there.
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
