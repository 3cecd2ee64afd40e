type Roles = { isStaff: boolean; isSuperuser: boolean }

/** Returns whether a user is staff or a superuser. */
export function isOperator({ isStaff, isSuperuser }: Roles): boolean {
  return isStaff || isSuperuser
}

/** Returns the label of a user's role. */
export function roleLabel({ isStaff, isSuperuser }: Roles): string {
  if (isSuperuser) return 'Superuser'
  return isStaff ? 'Staff' : 'User'
}

/** What a role allows. */
export const ROLE_RIGHTS = {
  staff:
    'Sees all users and reads their messages. Adjusts balances, sets passwords, and creates, deactivates and deletes users and their messages and API keys; not those of staff and superusers.',
  superuser: 'Everything that staff may do, to every account, and changes roles.',
}
