import type { Element, Nodes, Root } from 'hast'
import type { Nodes as SourceNodes } from 'mdast'
import { defaultUrlTransform } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import remarkParse from 'remark-parse'
import remarkRehype from 'remark-rehype'
import { unified } from 'unified'
import { MAX_DEPTH, MAX_NODES } from './limits'

const processor = unified().use(remarkParse).use(remarkGfm).use(remarkRehype, { allowDangerousHtml: true })

/**
 * Markdown as a tree of elements, for the worker: some texts take minutes. Raw HTML becomes text, and refused addresses
 * become empty. Null where the tree would be too large or too deep to show.
 */
export function parse(text: string): Root | null {
  try {
    const source = processor.parse(text)
    if (!isWithin(source, sizeOfSource)) return null
    const tree = processor.runSync(source)
    if (!isWithin(tree, () => 1)) return null
    clean(tree)
    return tree
  } catch (thrown) {
    // Nested too deeply for the parser's own recursion.
    if (thrown instanceof RangeError) return null
    throw thrown
  }
}

/** The number of elements that a node of the source becomes, without what is in it. Short rows are filled with cells. */
function sizeOfSource(node: SourceNodes): number {
  return node.type === 'table' ? node.children.length * (node.children[0]?.children.length ?? 0) : 1
}

/** Whether a tree stays within the bounds. Without recursion: deep trees are what this looks for. */
function isWithin<Node extends { children?: unknown } | object>(root: Node, size: (node: Node) => number): boolean {
  let total = 0
  let level: Node[] = [root]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false
    for (const node of level) total += size(node)
    if (total > MAX_NODES) return false
    level = level.flatMap((node) => ('children' in node ? (node.children as Node[]) : []))
  }
  return true
}

/** Leaves what is needed to show the tree. */
function clean(node: Nodes): void {
  delete node.position
  delete node.data
  if (node.type === 'element') checkAddresses(node)
  if (!('children' in node)) return
  node.children.forEach((child, index) => {
    if ((child.type as string) === 'raw')
      node.children[index] = { type: 'text', value: (child as { value: string }).value }
    else clean(child)
  })
}

function checkAddresses(element: Element): void {
  for (const name of ['href', 'src']) {
    const address = element.properties[name]
    if (address !== undefined)
      element.properties[name] = defaultUrlTransform(typeof address === 'string' ? address : '')
  }
}
