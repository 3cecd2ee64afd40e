/** What somebody may do, in a word. */
export function roleLabel({ isStaff, isSuperuser }: { isStaff: boolean; isSuperuser: boolean }): string {
  if (isSuperuser) return 'Superuser'
  return isStaff ? 'Staff' : 'User'
}
