import type { Model } from './useModels'

/** Returns whether each word of a search is in the title, the name or the description of a model. */
export function matchesModel({ name, title, description }: Model, search: string): boolean {
  const text = `${title} ${name} ${description ?? ''}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}
