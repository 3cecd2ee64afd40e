export type AccountTab = 'profile' | 'usage' | 'keys' | 'security' | 'data'

/** The tabs of the account page, in their order. */
export const TABS: readonly { value: AccountTab; label: string }[] = [
  { value: 'profile', label: 'Profile' },
  { value: 'usage', label: 'Usage' },
  { value: 'keys', label: 'API keys' },
  { value: 'security', label: 'Security' },
  { value: 'data', label: 'Data' },
]

/** Parses a tab of the address; anything else is the first one. */
export function parseTab(value: string | null): AccountTab {
  return TABS.find((tab) => tab.value === value)?.value ?? 'profile'
}

/** Returns the path of a tab of the account page. */
export function accountPath(tab: AccountTab): string {
  return tab === 'profile' ? '/account' : `/account?tab=${tab}`
}
