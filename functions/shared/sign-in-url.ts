// IAM User Guide, "AWS account sign-in URL", and the partitions' endpoint data.
const signInDomains: Record<string, string> = {
  aws: 'signin.aws.amazon.com',
  'aws-us-gov': 'signin.amazonaws-us-gov.com',
  'aws-cn': 'signin.amazonaws.cn',
}

/** The page where the IAM users of an account sign in. Throws for a partition whose page is not known. */
export const signInUrl = (partition: string, accountId: string) => {
  const domain = signInDomains[partition]
  if (!domain) throw new Error(`The sign-in page of the partition ${partition} is not known`)
  return `https://${accountId}.${domain}/console`
}

// The partitions' DNS names of the console (AWS General Reference; IAM User Guide, "Enable a passkey or security key").
const consoleHosts: Record<string, string> = {
  aws: 'console.aws.amazon.com',
  'aws-us-gov': 'console.amazonaws-us-gov.com',
  'aws-cn': 'console.amazonaws.cn',
}

/** The console's page "My security credentials" of whoever is signed in. Throws for an unknown partition. */
export const securityCredentialsUrl = (partition: string) => {
  const host = consoleHosts[partition]
  if (!host) throw new Error(`The console of the partition ${partition} is not known`)
  return `https://${host}/iam/home#/security_credentials`
}
