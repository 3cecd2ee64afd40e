/** Returns the path of the page of a group, for its members. */
export function groupPath(id: string): string {
  return `/groups/${encodeURIComponent(id)}`
}
