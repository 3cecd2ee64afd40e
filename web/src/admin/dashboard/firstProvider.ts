/** The models of the built-in configuration. */
export const BUILT_IN_MODELS = ['echo', 'smollm2']

/** Returns whether there are no other models than the built-in ones. */
export function isBuiltInOnly(names: readonly string[]): boolean {
  return names.every((name) => BUILT_IN_MODELS.includes(name))
}
