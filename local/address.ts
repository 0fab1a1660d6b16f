/**
 * An address that `allowedRecipients` in vending.yml allows: the allowed address itself, or one in the allowed domain.
 * The page uses this function too.
 */
export const addressOf = (allowedRecipient: string, name: string) =>
  allowedRecipient.includes('@') ? allowedRecipient : `${name.toLowerCase()}@${allowedRecipient}`
