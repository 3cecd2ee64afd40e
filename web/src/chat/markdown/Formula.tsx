import { lazy, Suspense } from 'react'
import classes from './markdown.module.css'

type Props = { tex: string; isDisplay: boolean }

// The typesetter and its fonts load with the first formula.
const Typeset = lazy(() => import('./TypesetFormula').catch(() => ({ default: FormulaSource })))

/** A formula. Shown as its source until the typesetter is loaded, and if it is wrong or too long. */
export function Formula({ tex, isDisplay }: Props) {
  const formula = (
    <Suspense fallback={<FormulaSource tex={tex} />}>
      <Typeset tex={tex} isDisplay={isDisplay} />
    </Suspense>
  )
  if (!isDisplay) return <span className={classes.inlineFormula}>{formula}</span>
  return (
    <div className={classes.formula} dir="ltr" tabIndex={0} role="region" aria-label="Formula">
      {formula}
    </div>
  )
}

export function FormulaSource({ tex }: { tex: string }) {
  return <code dir="ltr">{tex}</code>
}
