import { Anchor, Table, Typography } from '@mantine/core'
import { memo, type ReactNode } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkGfm from 'remark-gfm'
import { CodeBlock } from './CodeBlock'
import { codeOf } from './codeOf'
import classes from './markdown.module.css'

const PLUGINS = [remarkGfm]

const COMPONENTS: Components = {
  pre: ({ node, children }) => {
    const code = node && codeOf(node)
    return code ? <CodeBlock {...code} /> : <pre>{children}</pre>
  },
  a: ({ href, children }) => (
    <Anchor href={href} target="_blank" rel="noopener noreferrer" inherit>
      {children}
    </Anchor>
  ),
  // Nothing is fetched from elsewhere because a model says so; whoever wants to see the picture may follow the link.
  img: ({ src, alt }) => (
    <Anchor href={src} target="_blank" rel="noopener noreferrer" inherit>
      {alt === undefined || alt === '' ? 'Image' : alt}
    </Anchor>
  ),
  table: ({ children }) => (
    <Wide>
      <Table withTableBorder withColumnBorders w="auto">
        {children}
      </Table>
    </Wide>
  ),
}

/** What a model wrote. Raw HTML in it stays text. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <Typography className={classes.markdown}>
      <ReactMarkdown remarkPlugins={PLUGINS} components={COMPONENTS}>
        {text}
      </ReactMarkdown>
    </Typography>
  )
})

/** Scrolls by itself, so that the page does not. */
function Wide({ children }: { children: ReactNode }) {
  return <div className={classes.wide}>{children}</div>
}
