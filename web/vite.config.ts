import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { inlineBoot } from './scripts/inlineBoot'

/** Small modules of the first load. The bundler adds what they need, so that the log-in page loads it too. */
const SHARED =
  /@mantine\/core\/esm\/components\/(?:Alert|Card|Modal|ModalBase|TextInput|Textarea|Floating)\/|tabler.*\/(?:IconPlus|IconX|IconFileText|IconInfoCircle)\.|\/src\/(?:format\/(?:dates|numbers)|ui\/(?:EmptyState|useTitle|Unreachable)|graphql\/problem)\./

const ROOT = '<div id="root"></div>'

type Plugin = Extract<NonNullable<ViteUserConfig['plugins']>[number], { name: string }>

/**
 * Moves the style sheets from the head to the body: in the head nothing is painted until they are loaded. Before the root,
 * since the variables of the theme, which are in it, override theirs.
 */
const stylesInBody: Plugin = {
  name: 'styles-in-body',
  transformIndexHtml: {
    order: 'post',
    handler: (html) => {
      const links = html.match(/[ \t]*<link rel="stylesheet"[^>]*>\n?/g) ?? []
      const rest = links.reduce((page, link) => page.replace(link, ''), html)
      return rest.replace(ROOT, `${links.join('').trim()}\n    ${ROOT}`)
    },
  },
}

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
  plugins: [react(), onlyWoff2(), inlineBoot, stylesInBody],
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
        codeSplitting: {
          groups: [
            // The libraries of the log-in page in one file, since they change less often than the client.
            { name: 'vendor', tags: ['$initial'], test: /node_modules/ },
            // What the first load has of many small modules that other pages share: one file, instead of a request for each.
            { name: 'shared', test: SHARED },
          ],
        },
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
