import { ROLE_RIGHTS } from '../format/roles'

export type Role = keyof typeof ROLE_RIGHTS

/** The texts of the confirmation for a change of a role. */
export function roleQuestion(
  username: string,
  role: Role,
  granted: boolean,
): { title: string; text: string; confirm: string; done: string } {
  const name = role === 'staff' ? 'staff' : 'superuser'
  if (granted) {
    return {
      title: `Make ${username} ${role === 'staff' ? 'staff' : 'a superuser'}?`,
      text: ROLE_RIGHTS[role],
      confirm: `Make ${name}`,
      done: `${username} is ${role === 'staff' ? 'staff' : 'a superuser'} now.`,
    }
  }
  return {
    title: `Remove ${username} from ${role === 'staff' ? 'staff' : 'the superusers'}?`,
    text: `${username} loses the rights of this role at once: ${lowerFirst(ROLE_RIGHTS[role])}`,
    confirm: 'Remove the role',
    done: `${username} is no longer ${role === 'staff' ? 'staff' : 'a superuser'}.`,
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
