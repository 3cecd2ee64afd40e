import { Anchor } from '@mantine/core'
import { Link } from 'react-router'
import classes from '../../ui/ui.module.css'

/** Returns the path of the operators' page of a group. */
export function adminGroupPath(id: string): string {
  return `/admin/groups/${encodeURIComponent(id)}`
}

/** The name of a group, which links to it. */
export function GroupName({ group: { id, name } }: { group: { id: string; name: string } }) {
  return (
    <Anchor component={Link} to={adminGroupPath(id)} size="sm" className={classes.name} title={name}>
      {name}
    </Anchor>
  )
}
