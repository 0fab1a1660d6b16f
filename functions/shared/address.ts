/** The identity of an e-mail address, for comparisons: the case of the domain does not count, all else does. */
export const addressIdentity = (address: string) => {
  const at = address.lastIndexOf('@') + 1
  return address.slice(0, at) + address.slice(at).toLowerCase()
}

/** Whether an address is one of `allowedRecipients`, or within a domain among them. */
export const isAllowedRecipient = (allowedRecipients: string[], address: string) => {
  const domain = address.slice(address.lastIndexOf('@') + 1).toLowerCase()
  return allowedRecipients.map(addressIdentity).some((to) => to === domain || to === addressIdentity(address))
}

/** What is wrong with an address that is not allowed. */
export const notAllowed = (allowedRecipients: string[]) =>
  `is not within allowedRecipients of vending.yml (${allowedRecipients.join(', ')})`
