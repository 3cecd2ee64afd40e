/** Returns the address of a link to the operator, if the contact is an e-mail or web address. */
export function contactHref(contact: string): string | null {
  if (/^[^\s@/:?]+@[^\s@/:?]+\.[^\s@/:?]+$/.test(contact)) return `mailto:${contact}`
  return /^https?:\/\/\S+$/.test(contact) ? contact : null
}
