import * as z from 'zod/mini'
import { isAllowedRecipient, notAllowed } from './address.ts'
import { findDenials, sayDenial } from './change-password.ts'
import { InvalidInputError, type Issues, RecipientNotAllowedError } from './errors.ts'
import { mfaPolicyName, withMfaPolicy } from './mfa-policy.ts'

// The limits are AWS's: IAM and STS quotas (IAM User Guide, reference_iam-quotas), and the tag pattern of
// Organizations.

/**
 * A text that matches a pattern. A value of another type breaks another rule, and gets a message of its own: YAML and
 * JSON read 1234 as a number.
 */
export const text = (pattern: RegExp, message: string) =>
  z
    .string({
      error: ({ input }) =>
        typeof input === 'number' || typeof input === 'boolean' ? 'must be text: write it in quotes' : message,
    })
    .check(z.regex(pattern, message))
export const trueOrFalse = z.boolean({
  error: ({ input }) => `must be true or false${typeof input === 'string' ? ', without quotes' : ''}`,
})
const list = <S extends z.ZodMiniType>(item: S, max: number, what: string) =>
  z.array(item, `must be a list of ${what}`).check(z.maxLength(max, `must have at most ${max} ${what}`))

/** A strict object. Its errors name the unknown fields and the fields that are allowed. */
export const fields = <Shape extends z.core.$ZodShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `is not a known field; allowed fields are ${Object.keys(shape).join(', ')}`
        : 'must be an object',
  })

export const accountId = text(/^\d{12}$/, 'must be an account ID: 12 digits, as a string')
// IAM allows a comma as well. The secret for the password is named after the user, and Secrets Manager allows no comma.
export const userName = text(/^(?!__proto__$)[\w+=.@-]{1,64}$/, 'must be 1 to 64 letters, digits or _+=.@-')
export const groupName = text(/^(?!__proto__$)[\w+=,.@-]{1,128}$/, 'must be 1 to 128 letters, digits or _+=,.@-')
/** The domain of an address. */
export const domain = text(
  /^([a-z\d]([a-z\d-]{0,61}[a-z\d])?\.)+[a-z]([a-z\d-]{0,61}[a-z\d])$/i,
  'must be a domain like example.com',
)
const anAddress = 'must be an e-mail address like ada@example.com'
// The part before the @ is a dot-atom of RFC 5322, section 3.2.3, of at most 64 characters (RFC 5321, section 4.5.3.1).
// SES takes only ASCII there, and an address of at most 254 characters. Organizations has a stricter rule for the
// accounts' own addresses, which no request can name.
const localPart = /^(?=.{1,64}$)[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*$/
/** The address of a person. */
export const email = text(/^/, anAddress).check(
  z.regex(/^[\u0000-\u007f]*$/, 'must have only ASCII characters: SES takes no other addresses'),
  z.maxLength(254, 'must have at most 254 characters'),
  z.refine((address) => {
    const at = address.lastIndexOf('@')
    return localPart.test(address.slice(0, Math.max(at, 0))) && domain.safeParse(address.slice(at + 1)).success
  }, anAddress),
)
export const policy = text(
  /^(arn:aws[\w-]*:iam::(aws|\d{12}):policy\/)?[\w+=,.@/-]{1,512}$/,
  'must be the name of an AWS managed policy, like ReadOnlyAccess, or the ARN of a policy',
)
// AWS reserves the prefix in upper and lower case (IAM User Guide, id_tags).
const tagText = (min: number, max: number, what: string) =>
  text(new RegExp(`^(?![aA][wW][sS]:)[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]{${min},${max}}$`, 'u'), what)
const notReserved = 'and not begin with aws: in upper or lower case'
const tagKeys = `a tag key must be 1 to 128 letters, digits, spaces or _.:/=+-@, ${notReserved}`
export const tags = z.record(
  tagText(1, 128, tagKeys),
  tagText(0, 256, `a tag value must be at most 256 letters, digits, spaces or _.:/=+-@, ${notReserved}`),
  { error: (issue) => (issue.code === 'invalid_key' ? tagKeys : 'must be an object of tag keys and values') },
)

// The grammar of IAM policies (IAM User Guide, reference_policies_grammar), as far as it is the same everywhere.
const oneOrMore = (pattern: RegExp, message: string) => {
  const one = z.string().check(z.regex(pattern))
  return z.union([one, z.array(one).check(z.minLength(1))], message)
}
const actions = oneOrMore(
  /^(\*|[\w-]+:[\w*?-]+)$/,
  'must be * or an action like s3:GetObject, which may contain the wildcards * and ?, or a list of actions',
)
const resources = oneOrMore(/^(\*|arn:.+)$/, 'must be * or an ARN, or a list of ARNs')
const statement = z
  .strictObject(
    {
      Sid: z.optional(text(/^[a-zA-Z\d]*$/, 'must be letters and digits')),
      Effect: z.enum(['Allow', 'Deny'], 'must be Allow or Deny'),
      Action: z.optional(actions),
      NotAction: z.optional(actions),
      Resource: z.optional(resources),
      NotResource: z.optional(resources),
      Condition: z.optional(z.record(z.string(), z.record(z.string(), z.unknown()), 'must be an IAM condition')),
    },
    'must be an IAM policy statement',
  )
  .check(
    z.refine((s) => !s.Action !== !s.NotAction, 'must have either Action or NotAction'),
    z.refine((s) => !s.Resource !== !s.NotResource, 'must have either Resource or NotResource'),
  )
/** An IAM policy document, as far as it can be checked without IAM. */
export const policyDocument = fields({
  Version: z.enum(['2012-10-17', '2008-10-17'], 'must be "2012-10-17"'),
  Id: z.optional(z.string()),
  Statement: z.union(
    [statement, z.array(statement).check(z.minLength(1))],
    'must be IAM policy statements: Effect; Action or NotAction, like s3:GetObject; Resource or NotResource, * or ARNs',
  ),
}).check(
  // IAM API Reference, PutGroupPolicy.
  z.refine(
    (document) => /^[\u0020-\u00ff]*$/.test(JSON.stringify(document)),
    'must contain only characters up to U+00FF: IAM allows no others in a policy',
  ),
)
export type PolicyDocument = z.output<typeof policyDocument>

export const group = fields({
  name: groupName,
  policies: z._default(list(policy, 10, 'policies'), []),
  inline: z
    ._default(z.record(groupName, policyDocument, 'must be an object of policy names and documents'), {})
    .check(
      z.refine(
        (inline) => !Object.hasOwn(inline, mfaPolicyName),
        `must not name a policy ${mfaPolicyName}: this service gives that name to its own policy`,
      ),
    ),
})

export const admin = fields({
  userName,
  email: z.optional(email),
  groups: z.optional(list(groupName, 10, 'group names')),
  // IAM's limit is 10, and the workflow may add IAMUserChangePassword.
  policies: z._default(list(policy, 9, 'policies'), []),
  tags: z._default(tags, {}),
  passwordResetRequired: z.optional(trueOrFalse),
})

export const requestShape = {
  admins: z.optional(list(admin, 20, 'administrators').check(z.minLength(1, 'must name at least one administrator'))),
  groups: z._default(list(group, 20, 'groups'), []),
  /** Inspects the account even if everything is on record, and makes again what is missing there. */
  again: z.optional(trueOrFalse),
}
/** The path parameters of an API request. */
export const inPath = z.object({ accountId })
/** What can be requested for an account: the body of an API request. */
export const adminsRequest = fields(requestShape)
/** The input of a manual execution. */
export const manualRequest = fields({
  accountId,
  ...requestShape,
  /** The administrator on record who gets a new password and a new link. */
  renew: z.optional(userName),
  /** Who made the request, for the record. The API writes the caller's ARN here. */
  requestedBy: z.optional(z.string('must be text').check(z.maxLength(2048, 'must have at most 2048 characters'))),
}).check(
  z.refine(({ renew, admins, groups }) => renew === undefined || (admins === undefined && groups.length === 0), {
    path: ['renew'],
    error: 'renews the link of one administrator on record, and cannot be combined with admins or groups',
  }),
)
export type AdminsRequest = z.output<typeof adminsRequest>

/** The part of `vending.yml` that completes a request. */
export type Defaults = {
  admins: z.output<typeof admin>[]
  groups: z.output<typeof group>[]
  tags: Record<string, string>
  passwordResetRequired: boolean
  allowedRecipients: string[]
  delivery: 'link' | 'secret'
  mfa?: 'required' | undefined
}

export const groupSchema = z.object({
  name: z.string(),
  policies: z.array(z.string()),
  inline: z.record(z.string(), policyDocument),
})
export const adminSchema = z.object({
  userName: z.string(),
  email: z.string(),
  groups: z.array(z.string()),
  policies: z.array(z.string()),
  tags: z.record(z.string(), z.string()),
  passwordResetRequired: z.boolean(),
  /** Left out if there are none. */
  inline: z.optional(z.record(z.string(), policyDocument)),
})
/** A group as it must be in the account: policies are ARNs. */
export type Group = z.output<typeof groupSchema>
/** An administrator as he or she must be in the account: nothing is left to a default. */
export type Admin = z.output<typeof adminSchema>
/** Everything that one vend must make in an account. */
export type Ask = { groups: Group[]; admins: Admin[] }

const characters = (texts: string[]) => texts.join('').length
const changePassword = /:policy\/IAMUserChangePassword$/

/**
 * Finds what is too much for AWS in a complete request, before anything is made. Answers the issues.
 *
 * The policy of a session in the account contains the request's names and ARNs, and STS limits its length. With the
 * limits below, that policy stays shorter than `assumeAccountRole` allows, in every partition. The quotas of IAM and
 * Secrets Manager include what this service adds. The state of an execution holds 256 KiB, and contains the request
 * several times.
 */
export const sizeIssues = (ask: Ask) => {
  const issues: Issues = []
  const limit = (field: string, amount: number, most: number, what: string) => {
    if (amount > most) issues.push({ field, message: `${what} must be at most ${most}` })
  }
  const allPolicies = [...new Set(ask.groups.flatMap(({ policies }) => policies))]
  limit('groups', characters(allPolicies), 1000, 'the total length of all groups’ policy ARNs in characters')
  for (const [i, { policies, inline }] of ask.groups.entries()) {
    limit(`groups[${i}].policies`, policies.length, 10, 'the number of policies')
    const documents = Object.values(inline).map((document) => JSON.stringify(document))
    const also = Object.hasOwn(inline, mfaPolicyName) ? `, including the policy ${mfaPolicyName},` : ''
    const all = `the total length of all inline policies in characters${also}`
    limit(`groups[${i}].inline`, characters(documents), 5120, all)
  }
  for (const [i, { groups, policies, tags }] of ask.admins.entries()) {
    limit(`admins[${i}].groups`, groups.length, 10, 'the number of groups')
    limit(
      `admins[${i}].policies`,
      policies.filter((arn) => !changePassword.test(arn)).length,
      9,
      'the number of policies',
    )
    const names = [...groups, ...policies]
    limit(`admins[${i}]`, characters(names), 480, 'the total length of all group names and policy ARNs in characters')
    const keys = Object.keys(tags)
    limit(`admins[${i}].tags`, keys.length, 45, 'the number of tags, including those of vending.yml,')
    const twice = keys.find((key, j) => keys.findIndex((other) => other.toLowerCase() === key.toLowerCase()) !== j)
    if (twice)
      issues.push({ field: `admins[${i}].tags`, message: `${twice} is given twice (IAM ignores the case of tag keys)` })
  }
  limit(
    'input',
    Buffer.byteLength(JSON.stringify(ask)),
    40_000,
    'the size of the request in bytes, including the defaults of vending.yml,',
  )
  return issues
}

/** The account that a request is for, without an id if it does not exist yet, and the partition of the organization. */
type Target = { accountId?: string; accountEmail: string; partition: string }

/** The ARN of a policy that a request or vending.yml names. */
export const arnOfPolicy = (policy: string, partition: string) =>
  policy.startsWith('arn:') ? policy : `arn:${partition}:iam::aws:policy/${policy}`

/** Makes ARNs of policy names. Adds an issue for a policy of another account or partition. */
const toArns = (policies: string[], field: string, { accountId, partition }: Target, issues: Issues) =>
  policies.map((name, i) => {
    const policy = arnOfPolicy(name, partition)
    const isOfAccount = accountId !== undefined && policy.startsWith(`arn:${partition}:iam::${accountId}:`)
    if (!policy.startsWith(`arn:${partition}:iam::aws:`) && !isOfAccount)
      issues.push({
        field: `${field}.policies[${i}]`,
        message: `${policy} must be in the partition ${partition} and belong to AWS${accountId === undefined ? ': a new account has no policies of its own' : ` or to account ${accountId}`}`,
      })
    return policy
  })

/** The groups of `vending.yml` and of the request, by name in lower case. Adds an issue for a group defined twice. */
const definedGroups = (request: AdminsRequest, defaults: Defaults, target: Target, issues: Issues) => {
  const groups = new Map<string, Group>()
  const defined = [
    ...defaults.groups.map((group) => ({ group, field: 'vending.yml groups' })),
    ...request.groups.map((group, i) => ({ group, field: `groups[${i}]` })),
  ]
  for (const { group, field } of defined) {
    const wanted = { name: group.name, policies: toArns(group.policies, field, target, issues), inline: group.inline }
    const before = groups.get(group.name.toLowerCase())
    if (before && JSON.stringify(before) !== JSON.stringify(wanted))
      issues.push({
        field: `${field}.name`,
        message: `the group ${group.name} is defined twice, with different policies`,
      })
    groups.set(group.name.toLowerCase(), before ?? wanted)
  }
  return groups
}

/** Stands for the id of a new account, which is not known yet: no policy can name it. */
export const unknownAccount = '000000000000'

/** Finds policies that make a first sign-in impossible, as far as the account need not be read. Answers the issues. */
const denialIssues = (ask: Ask, request: AdminsRequest, defaults: Defaults, target: Target): Issues => {
  const placeOfGroup = (name: string) => {
    const isThis = (group: { name: string }) => group.name.toLowerCase() === name.toLowerCase()
    const i = request.groups.findIndex(isThis)
    return i >= 0 ? `groups[${i}]` : `vending.yml groups[${defaults.groups.findIndex(isThis)}]`
  }
  const placeOfAdmin = (name: string | undefined) =>
    `${request.admins ? 'admins' : 'vending.yml admins'}[${ask.admins.findIndex(({ userName }) => userName === name)}]`
  return findDenials(ask, { ...target, accountId: target.accountId ?? unknownAccount })
    .filter(({ isCertain }) => isCertain)
    .map((denial) => {
      const { policy, isInline, group, userNames } = denial
      const holder = group === undefined ? placeOfAdmin(userNames[0]) : placeOfGroup(group)
      return { field: `${holder}.${isInline ? `inline.${policy}` : 'policies'}`, message: sayDenial(denial) }
    })
}

/** Finds the recipients whom `vending.yml` does not allow. What is no address is told as that. Answers the issues. */
const recipientIssues = (
  { admins }: Ask,
  { allowedRecipients }: Defaults,
  { accountEmail }: Target,
  where: string,
): Issues =>
  admins.flatMap(({ email: address }, i) =>
    isAllowedRecipient(allowedRecipients, address) || !email.safeParse(address).success
      ? []
      : {
          field: `${where}[${i}].email`,
          message: `${address}${address === accountEmail ? ' (the account’s own address)' : ''} ${notAllowed(allowedRecipients)}`,
        },
  )

/**
 * Completes a request with the organization's defaults.
 *
 * Without `admins`, the request is for the default administrators and all groups of `vending.yml`. With `admins`, it is
 * for only the groups that they need. Policy names become ARNs of `partition`. `withMfaPolicy` adds the policy for MFA.
 * Throws `InvalidInputError` (a group that is not defined, a name given twice, a policy of another account, a policy
 * that makes a first sign-in impossible) and `RecipientNotAllowedError`.
 */
export const completeRequest = (request: AdminsRequest, defaults: Defaults, target: Target): Ask => {
  const issues: Issues = []
  const groups = definedGroups(request, defaults, target, issues)
  const firstGroup = [...groups.values()][0]?.name
  const names = new Set<string>()
  const admins = (request.admins ?? defaults.admins).map((admin, i): Admin => {
    const field = request.admins ? `admins[${i}]` : `vending.yml admins[${i}]`
    const name = admin.userName.toLowerCase()
    if (names.has(name))
      issues.push({ field: `${field}.userName`, message: `${admin.userName} is given twice (IAM ignores case)` })
    names.add(name)
    // An administrator with policies of their own does not get the first group as well.
    const wanted = admin.groups ?? (firstGroup && !admin.policies.length ? [firstGroup] : [])
    return {
      userName: admin.userName,
      email: admin.email ?? target.accountEmail,
      groups: [
        ...new Set(
          wanted.map((name, j) => {
            const group = groups.get(name.toLowerCase())
            if (!group)
              issues.push({
                field: `${field}.groups[${j}]`,
                message: `the group ${name} is not defined; defined groups are ${[...groups.values()].map(({ name }) => name).join(', ')}`,
              })
            return group?.name ?? name
          }),
        ),
      ],
      policies: toArns(admin.policies, field, target, issues),
      tags: { ...defaults.tags, ...admin.tags },
      passwordResetRequired: admin.passwordResetRequired ?? defaults.passwordResetRequired,
    }
  })

  const needed = new Set([...admins.flatMap(({ groups }) => groups), ...request.groups.map(({ name }) => name)])
  const askedGroups = [...groups.values()].filter(({ name }) => !request.admins || needed.has(name))
  const ask = withMfaPolicy({ groups: askedGroups, admins }, { ...defaults, ...target })
  issues.push(...sizeIssues(ask), ...denialIssues(ask, request, defaults, target))
  const where = request.admins ? 'admins' : 'vending.yml admins'
  const recipients = recipientIssues(ask, defaults, target, where)
  if (issues.length) throw new InvalidInputError([...issues, ...recipients])
  if (recipients.length) throw new RecipientNotAllowedError(recipients)
  return ask
}
