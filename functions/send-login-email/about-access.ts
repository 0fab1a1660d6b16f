import { addressIdentity } from '../shared/address.ts'
import { oneLine } from '../shared/mail.ts'

/** The name in the ARN of a user, of a role's session, or of the root user. */
const nameIn = (arn: string) => {
  const [kind, role = '', session] = arn.split(':').slice(5).join(':').split('/')
  if (kind !== 'assumed-role') return arn.endsWith(':root') ? 'the root user' : arn.slice(arn.lastIndexOf('/') + 1)
  // IAM Identity Center names the session after its user, and the role after the permission set.
  const [, permissionSet] = /^AWSReservedSSO_(.+)_[\da-f]{16}$/.exec(role) ?? []
  return `${session} (${permissionSet ? `permission set ${permissionSet}` : `role ${role}`})`
}

/** Who asked for the access, for the person who gets it. `requestedBy` is what the account's record says. */
export const requesterInWords = (requestedBy: string | undefined, organizationName: string) => {
  // Records that an older version of this service wrote may not say it.
  if (!requestedBy) return organizationName
  const automatic: Record<string, string> = {
    event: 'every new AWS account gets its first administrators',
    sweep: 'every new AWS account gets its first administrators',
    'daily round': 'nobody opened the link in your earlier mail, and this mail replaces it',
  }
  if (Object.hasOwn(automatic, requestedBy)) return `${organizationName}, automatically: ${automatic[requestedBy]}`
  if (requestedBy === 'manual execution') return `an operator of ${organizationName}`
  // Whoever starts an execution can name a requester in their own words.
  return /^arn:[\w-]+:(iam|sts)::/.test(requestedBy) ? nameIn(requestedBy) : oneLine(requestedBy).slice(0, 200)
}

/** Why the mail went to this address. */
export const whyInWords = ({
  email,
  userName,
  accountEmail,
}: {
  email: string
  userName: string
  accountEmail: string
}) =>
  addressIdentity(email) === addressIdentity(accountEmail)
    ? `${email} is the e-mail address of this AWS account`
    : `${email} was named as the address of the user ${userName}`

/** A link that writes to the contact of vending.yml with this subject; empty if the contact names no address. */
export const contactUrl = (contact: string, subject: string) => {
  const address = /[^\s<>()[\],;:"']+@[^\s<>()[\],;:"']+\.[a-z]{2,}/i.exec(contact)?.[0]
  return address
    ? `mailto:${encodeURIComponent(address).replace('%40', '@')}?subject=${encodeURIComponent(subject)}`
    : ''
}
