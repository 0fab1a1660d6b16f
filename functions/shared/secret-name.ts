/** The name of the secret that holds a user's first password. */
export const secretName = (accountId: string, userName: string) =>
  `account-vending/${accountId}/${userName.toLowerCase()}`

const keyId = (key = '') => key.slice(key.lastIndexOf('/') + 1)

/** Whether a secret is encrypted with this key. Secrets Manager says the key's ARN or only its id. */
export const isOfKey = (KmsKeyId: string | undefined, keyArn: string) => keyId(KmsKeyId) === keyId(keyArn)
