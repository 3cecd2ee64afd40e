import type { AuditAction } from '../gql/admin'

type Choice = { value: string; label: string; values: AuditAction[] }

const ACCOUNTS: Choice[] = [
  { value: 'changes', label: 'Activations and roles', values: ['USER_UPDATE'] },
  { value: 'created', label: 'Accounts created', values: ['USER_CREATE', 'USER_IMPORT'] },
  { value: 'deleted', label: 'Accounts deleted', values: ['USER_DELETE'] },
  { value: 'access', label: 'Passwords and logouts', values: ['USER_SET_PASSWORD', 'USER_LOG_OUT'] },
]

const GROUPS: Choice[] = [
  { value: 'groups', label: 'Groups', values: ['GROUP_CREATE', 'GROUP_UPDATE', 'GROUP_DELETE'] },
  {
    value: 'members',
    label: 'Members of groups',
    values: ['GROUP_MEMBER_ADD', 'GROUP_MEMBER_UPDATE', 'GROUP_MEMBER_REMOVE'],
  },
  { value: 'group-balances', label: 'Balances of groups', values: ['GROUP_ADJUST'] },
]

const CATALOG: Choice[] = [
  {
    value: 'providers',
    label: 'Providers',
    values: ['PROVIDER_CREATE', 'PROVIDER_UPDATE', 'PROVIDER_DELETE', 'BREAKER_RESET'],
  },
  { value: 'models', label: 'Models', values: ['MODEL_CREATE', 'MODEL_UPDATE', 'MODEL_SET_DEFAULT', 'MODEL_DELETE'] },
  { value: 'prices', label: 'Prices', values: ['MODEL_SET_PRICE'] },
]

const OTHERS: Choice[] = [
  { value: 'balances', label: 'Balances', values: ['BALANCE_ADJUST', 'CHAT_USAGE_OVER_HOLD'] },
  { value: 'reads', label: 'Messages read', values: ['CHAT_READ'] },
  { value: 'chat-deletions', label: 'Messages deleted', values: ['CHAT_DELETE'] },
  { value: 'configuration', label: 'Configuration', values: ['CONFIG_RELOAD'] },
  { value: 'keys', label: 'API keys', values: ['API_KEY_CREATE', 'API_KEY_REVOKE'] },
  {
    value: 'webhooks',
    label: 'Webhooks',
    values: ['WEBHOOK_CREATE', 'WEBHOOK_UPDATE', 'WEBHOOK_DELETE', 'WEBHOOK_ROTATE_SECRET', 'WEBHOOK_DISABLE'],
  },
]

/** The choices of the filter of the audit log, for a select. */
export const ACTION_CHOICES = [
  { group: 'Accounts', items: ACCOUNTS },
  { group: 'Groups', items: GROUPS },
  { group: 'Catalog', items: CATALOG },
  { group: 'Others', items: OTHERS },
]

/** Returns the actions of a choice; null for all. */
export function actionsOf(choice: string | null): AuditAction[] | null {
  return [...ACCOUNTS, ...GROUPS, ...CATALOG, ...OTHERS].find(({ value }) => value === choice)?.values ?? null
}
