import type { Element, Nodes, Root } from 'hast'
import type { Nodes as SourceNodes } from 'mdast'
import { defaultUrlTransform } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import remarkMath from 'remark-math'
import remarkParse from 'remark-parse'
import remarkRehype from 'remark-rehype'
import { unified } from 'unified'
import { hasMathBrackets, rewriteMathBrackets, type Range } from './mathBrackets'
import { MAX_DEPTH, MAX_FORMULAS, MAX_NODES } from './limits'

// A single dollar is money.
const processor = unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkMath, { singleDollarTextMath: false })
  .use(remarkRehype, { allowDangerousHtml: true })

/** The nodes in which brackets are no formulas. */
const LITERAL = new Set(['code', 'inlineCode', 'math', 'inlineMath', 'html', 'definition'])

/**
 * Parses Markdown to a tree of elements. In the worker only: some texts take minutes. Raw HTML becomes text, rejected URLs
 * become empty. Null if the tree exceeds a limit.
 */
export function parse(text: string): Root | null {
  try {
    let source = processor.parse(text)
    if (!isWithin(source, sizeOfSource)) return null
    if (hasMathBrackets(text)) {
      // Again, now that it is known what is code.
      source = processor.parse(rewriteMathBrackets(text, literalRanges(source)))
      if (!isWithin(source, sizeOfSource)) return null
    }
    const tree = processor.runSync(source)
    if (!isWithin(tree, () => 1)) return null
    limitFormulas(tree)
    clean(tree)
    setDirections(tree)
    return tree
  } catch (thrown) {
    // Nested too deeply for the recursion of the parser.
    if (thrown instanceof RangeError) return null
    throw thrown
  }
}

/** Returns where the literal nodes are in the source, in order. Recursive: the depth of trees is limited. */
function literalRanges(node: SourceNodes): Range[] {
  const { start, end } = node.position ?? {}
  if (LITERAL.has(node.type)) return [{ start: start?.offset ?? 0, end: end?.offset ?? 0 }]
  return 'children' in node ? node.children.flatMap(literalRanges) : []
}

/** Returns the number of elements of a source node without its children. Short table rows are padded with cells. */
function sizeOfSource(node: SourceNodes): number {
  return node.type === 'table' ? node.children.length * (node.children[0]?.children.length ?? 0) : 1
}

/** Returns whether a tree is within the limits. Without recursion, since the tree may be too deep for it. */
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

/** Removes what the renderer does not need, and sanitizes the rest. */
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

/** Leaves formulas as their source if there are too many for the page. */
function limitFormulas(tree: Root): void {
  const formulas = findFormulas(tree)
  if (formulas.length <= MAX_FORMULAS) return
  for (const { properties } of formulas) delete properties.className
}

function findFormulas(node: Nodes): Element[] {
  if (node.type === 'element' && [node.properties.className].flat().includes('language-math')) return [node]
  return 'children' in node ? node.children.flatMap(findFormulas) : []
}

/**
 * Lets the first strong character of each block decide its direction. The outermost blocks only: elements with a direction
 * of their own do not count for the blocks around them.
 */
function setDirections(tree: Root): void {
  for (const node of tree.children) {
    if (node.type === 'element' && node.tagName !== 'pre') node.properties.dir = 'auto'
  }
}

function checkAddresses(element: Element): void {
  for (const name of ['href', 'src']) {
    const address = element.properties[name]
    if (address !== undefined)
      element.properties[name] = defaultUrlTransform(typeof address === 'string' ? address : '')
  }
}
