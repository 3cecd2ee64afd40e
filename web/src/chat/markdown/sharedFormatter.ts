import { Formatter } from './formatter'

/** The one formatter of the page. Apart from its class, which the worker imports types of. */
export const formatter = new Formatter(
  () => new Worker(new URL('./format.worker.ts', import.meta.url), { type: 'module', name: 'format' }),
)
