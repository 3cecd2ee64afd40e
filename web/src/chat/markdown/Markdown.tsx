import { Anchor, Table, Text, Typography } from '@mantine/core'
import type { Root, RootContent } from 'hast'
import { toJsxRuntime } from 'hast-util-to-jsx-runtime'
import { Component, memo, type ReactNode } from 'react'
import { Fragment, jsx, jsxs } from 'react/jsx-runtime'
import type { Components } from 'react-markdown'
import { CodeBlock } from './CodeBlock'
import { extractCode } from './extractCode'
import classes from './markdown.module.css'
import { PlainText } from './PlainText'
import { useFormatted } from './useFormatted'

const COMPONENTS: Components = {
  pre: ({ node, children }) => {
    const code = node && extractCode(node)
    return code ? <CodeBlock {...code} /> : <pre>{children}</pre>
  },
  a: ({ href, children }) => <Link href={href}>{children}</Link>,
  // Nothing is fetched from elsewhere because a model says so; whoever wants to see the picture may follow the link.
  img: ({ src, alt }) => (
    <Link href={typeof src === 'string' ? src : undefined}>{alt === undefined || alt === '' ? 'Image' : alt}</Link>
  ),
  table: ({ children }) => (
    <ScrollBox>
      <Table withTableBorder withColumnBorders w="auto">
        {children}
      </Table>
    </ScrollBox>
  ),
}

/** What a model wrote. Raw HTML in it stays text, and what cannot be formatted is shown as it is. */
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

/** A paragraph, a list, a table. Shown anew only where it has changed while the answer grew. */
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

/** An address that is not allowed is empty: then there is nothing to follow. */
function Link({ href, children }: { href: string | undefined; children: ReactNode }) {
  if (!href) return children
  return (
    <Anchor href={href} target="_blank" rel="noopener noreferrer" inherit>
      {children}
    </Anchor>
  )
}

/** Scrolls by itself, so that the page does not. */
function ScrollBox({ children }: { children: ReactNode }) {
  return <div className={classes.scrollBox}>{children}</div>
}

type FallbackState = { text: string; hasFailed: boolean }

/** A text that breaks its formatting breaks nothing else. Another text is tried again. */
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
