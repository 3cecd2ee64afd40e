/** Returns the path of the audit log of a user, a message or an API key, by its global id. */
export function auditPath(targetId: string): string {
  return `/admin/audit?target=${encodeURIComponent(targetId)}`
}

/** Returns the path of the ledger of a user. */
export function ledgerPath(userId: string): string {
  return `/admin/ledger?user=${encodeURIComponent(userId)}`
}

/** Returns the path of the messages of a user. */
export function chatsPath(userId: string): string {
  return `/admin/chats?user=${encodeURIComponent(userId)}`
}

/** Returns the path of the models of a provider. */
export function modelsPath(providerId: string): string {
  return `/admin/models?provider=${encodeURIComponent(providerId)}`
}
