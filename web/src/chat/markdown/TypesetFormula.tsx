import katex from 'katex'
import 'katex/dist/katex.min.css'
import { useMemo } from 'react'
import { FormulaSource } from './Formula'
import { MAX_FORMULA } from './limits'

/** A typeset formula. */
export default function TypesetFormula({ tex, isDisplay }: { tex: string; isDisplay: boolean }) {
  const html = useMemo(() => typeset(tex, isDisplay), [tex, isDisplay])
  if (html === null) return <FormulaSource tex={tex} />
  return <span dir="ltr" dangerouslySetInnerHTML={{ __html: html }} />
}

/** Returns the HTML of a formula; null if it is wrong, as while it is being written, or too long. */
function typeset(tex: string, isDisplay: boolean): string | null {
  if (tex.length > MAX_FORMULA) return null
  try {
    return katex.renderToString(tex, {
      displayMode: isDisplay,
      throwOnError: true,
      strict: 'ignore',
      // No links, images or attributes from the model.
      trust: false,
      maxSize: 20,
      maxExpand: 500,
    })
  } catch {
    return null
  }
}
