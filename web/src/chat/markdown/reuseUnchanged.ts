import type { Root } from 'hast'

/** Returns the new tree with the blocks of the old one that are equal, so that they are not rendered again. */
export function reuseUnchanged(old: Root, fresh: Root): Root {
  const children = fresh.children.map((child, index) => {
    const before = old.children[index]
    return before && isEqual(before, child) ? before : child
  })
  return { ...fresh, children }
}

/** Compares plain data. Recursive: the depth of trees is limited. */
function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  const keys = Object.keys(one)
  if (keys.length !== Object.keys(other).length) return false
  return keys.every((key) => isEqual(one[key as keyof typeof one], other[key as keyof typeof other]))
}
