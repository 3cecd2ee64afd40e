import { expect, it } from 'vitest'
import { ErrorBoundary } from './ErrorBoundary'

it('renders another page after one that failed', () => {
  const broken = { broken: true, at: '/c/1' }
  expect(ErrorBoundary.getDerivedStateFromProps({ children: null, at: '/c/1' }, broken)).toBeNull()
  expect(ErrorBoundary.getDerivedStateFromProps({ children: null, at: '/account' }, broken)).toEqual({
    broken: false,
    at: '/account',
  })
})
