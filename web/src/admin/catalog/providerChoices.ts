type Named = { id: string; name: string }

/** Returns the choices of a select: the providers found, and the chosen one, which may be another or deleted. */
export function withChoice(
  found: readonly Named[],
  value: string | null,
  chosen: Named | null,
): { value: string; label: string }[] {
  const choices = found.map(({ id, name }) => ({ value: id, label: name }))
  if (value === null || found.some(({ id }) => id === value)) return choices
  return [{ value, label: chosen?.name ?? 'Unknown provider' }, ...choices]
}
