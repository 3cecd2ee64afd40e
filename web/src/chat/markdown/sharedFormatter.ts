import { Formatter } from './formatter'

/** The formatter of the page. Apart from its class, since the worker imports types of that file. */
export const formatter = new Formatter(
  () => new Worker(new URL('./format.worker.ts', import.meta.url), { type: 'module', name: 'format' }),
)
