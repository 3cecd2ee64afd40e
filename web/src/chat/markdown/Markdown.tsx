import { Anchor, Table, Text, Typography } from '@mantine/core'
import type { Element, Nodes, Root, RootContent } from 'hast'
import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { Component, memo, type ReactNode } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'
import type { Components } from 'react-markdown'
import { CodeBlock } from './CodeBlock'
import { Diagram } from './Diagram'
import { extractCode } from './extractCode'
import { Formula } from './Formula'
import classes from './markdown.module.css'
import { PlainText } from './PlainText'
import { useFormatted } from './useFormatted'

/** The length up to which the text of a cell stays on one line: numbers, dates, names. */
const SHORT = 16

/** The length from which a cell is wide enough for a few words. */
const SENTENCE = 30

const COMPONENTS: Components = {
  pre: ({ node, children }) => {
    const code = node && extractCode(node)
    if (!code) return <pre>{children}</pre>
    if (code.language === 'math') return <Formula tex={code.code} isDisplay />
    return code.language === 'mermaid' ? <Diagram code={code.code} /> : <CodeBlock {...code} />
  },
  code: ({ node, children, className }) =>
    className?.includes('math-inline') && node ? (
      <Formula tex={plainText(node)} isDisplay={false} />
    ) : (
      <code>{children}</code>
    ),
  a: ({ href, children }) => <Link href={href}>{children}</Link>,
  // Images are links: an answer must not make the browser load external URLs.
  img: ({ src, alt }) => (
    <Link href={typeof src === 'string' ? src : undefined}>{alt === undefined || alt === '' ? 'Image' : alt}</Link>
  ),
  // Of a task list. The text beside it is no label of it in Markdown.
  input: ({ checked }) => (
    <input type="checkbox" checked={checked} readOnly disabled aria-label={checked ? 'Done' : 'To do'} />
  ),
  table: ({ children, dir }) => (
    <ScrollBox>
      <Table withTableBorder withColumnBorders w="auto" dir={dir}>
        {children}
      </Table>
    </ScrollBox>
  ),
  th: ({ node, children, style }) => (
    <th style={style} className={cellClass(node)}>
      {children}
    </th>
  ),
  td: ({ node, children, style }) => (
    <td style={style} className={cellClass(node)}>
      {children}
    </td>
  ),
}

/** An answer as formatted Markdown, or as plain text if it cannot be formatted. Raw HTML stays text. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <PlainTextFallback text={text}>
      <Formatted text={text} />
    </PlainTextFallback>
  )
})

function Formatted({ text }: { text: string }) {
  const shown = useFormatted(text)
  if (!shown || shown.formatted === 'unavailable') return <PlainText text={text} />
  if (shown.formatted === 'rejected') return <TooLong text={text} />
  return (
    <Typography className={classes.markdown}>
      <Blocks tree={shown.formatted} />
    </Typography>
  )
}

function Blocks({ tree }: { tree: Root }) {
  return tree.children.map((node, index) => <Block key={index} node={node} />)
}

/** A block, such as a paragraph or a table. Rendered again only if it changes while the answer grows. */
const Block = memo(function Block({ node }: { node: RootContent }) {
  const tree: Root = { type: 'root', children: [node] }
  return toJsxRuntime(tree, {
    Fragment,
    components: COMPONENTS,
    jsx,
    jsxs,
    passKeys: true,
    passNode: true,
  }) as ReactNode
})

function TooLong({ text }: { text: string }) {
  return (
    <>
      <PlainText text={text} />
      <Text size="xs" c="dimmed" mt="xs">
        Shown as plain text: too long to format.
      </Text>
    </>
  )
}

/** A link; a text if its URL was rejected, which makes it empty. */
function Link({ href, children }: { href: string | undefined; children: ReactNode }) {
  if (!href) return children
  return (
    <Anchor href={href} target="_blank" rel="noopener noreferrer" inherit>
      {children}
    </Anchor>
  )
}

/** A box with its own scroll bar, so that the page does not scroll sideways. */
function ScrollBox({ children }: { children: ReactNode }) {
  return (
    <div className={classes.wide} tabIndex={0} role="region" aria-label="Table">
      {children}
    </div>
  )
}

function cellClass(cell: Element | undefined): string | undefined {
  const { length } = cell ? plainText(cell) : ''
  if (length <= SHORT) return classes.short
  return length > SENTENCE ? classes.sentence : undefined
}

/** Returns the text in an element. Recursive: the depth of trees is limited. */
function plainText(node: Nodes): string {
  if (node.type === 'text') return node.value
  return 'children' in node ? node.children.map(plainText).join('') : ''
}

type FallbackState = { text: string; hasFailed: boolean }

/** Catches errors of the formatting of a text, and shows it as plain text. Another text resets the error. */
class PlainTextFallback extends Component<{ text: string; children: ReactNode }, FallbackState> {
  override state: FallbackState = { text: this.props.text, hasFailed: false }

  static getDerivedStateFromError(): Partial<FallbackState> {
    return { hasFailed: true }
  }

  static getDerivedStateFromProps({ text }: { text: string }, state: FallbackState): FallbackState | null {
    return text === state.text ? null : { text, hasFailed: false }
  }

  override render() {
    return this.state.hasFailed ? <TooLong text={this.props.text} /> : this.props.children
  }
}
