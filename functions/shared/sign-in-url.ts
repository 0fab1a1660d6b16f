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
