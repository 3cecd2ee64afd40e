import { Anchor, Text } from '@mantine/core'
import { Link } from 'react-router'
import classes from '../ui/ui.module.css'

/** Returns the path of the page of a user. */
export function userPath(id: string): string {
  return `/admin/users/${encodeURIComponent(id)}`
}

type Props = { user: { id: string } | null; name: string }

/** A username that links to the user; a text if the user is deleted. */
export function UserName({ user, name }: Props) {
  if (!user) {
    return (
      <Text component="span" size="sm" c="dimmed" className={classes.name} title={name}>
        {name}
      </Text>
    )
  }
  return (
    <Anchor component={Link} to={userPath(user.id)} size="sm" className={classes.name} title={name}>
      {name}
    </Anchor>
  )
}
