/** Returns the label of a user's role. */
export function roleLabel({ isStaff, isSuperuser }: { isStaff: boolean; isSuperuser: boolean }): string {
  if (isSuperuser) return 'Superuser'
  return isStaff ? 'Staff' : 'User'
}
