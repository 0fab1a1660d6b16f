/** The name of the secret that holds a user's first password. */
export const secretName = (accountId: string, userName: string) =>
  `account-vending/${accountId}/${userName.toLowerCase()}`
