import * as z from 'zod/mini'
import { addressIdentity } from './address.ts'
import { organizationalUnit } from './new-account.ts'
import { patternsOverlap } from './policy.ts'
import { admin, domain, email, fields, group, tags, text, trueOrFalse } from './request.ts'

const line = (what: string) => text(/^[^\r\n]{1,1000}$/, `must be ${what}`)
const lines = <S extends z.ZodMiniType>(item: S, what: string) => z.array(item, `must be a list of ${what}`)
const atLeastOne = z.minLength(1, 'must have at least one entry')
const principal = text(
  /^arn:aws[\w-]*:iam::\d{12}:(role|user)\/[\w+=,.@/*?-]+$/,
  'must be the ARN of a role or user, like arn:aws:iam::111122223333:role/platform-team',
)
const domainOrEmail = text(/^/, 'must be a domain or an e-mail address').check(
  z.refine(
    (value) => domain.safeParse(value).success || email.safeParse(value).success,
    'must be a domain like example.com, or an e-mail address',
  ),
)
const sender = text(/^/, 'must be an address, alone or as Name <address>').check(
  z.refine((value) => {
    const address = /^[\w .&()-]{1,100} <([^<>]+)>$/.exec(value)?.[1] ?? value
    return email.safeParse(address).success
  }, 'must be an address, alone or as Name <address>, in ASCII; the name can contain letters, digits, spaces and .&()-'),
)

// vending.yml is for all accounts, and the ARN of a customer managed policy belongs to one account.
const ofEveryAccount = z.refine<{ policies: string[] }[]>(
  (all) => all.every(({ policies }) => policies.every((policy) => !/:iam::\d/.test(policy))),
  'must name AWS managed policies only: the ARN of any other policy belongs to one account',
)

const wholeNumber = (least: number, most: number, what: string) => {
  const message = `must be a whole number of ${what} from ${least} to ${most}`
  return z
    .number({ error: ({ input }) => `${message}${typeof input === 'string' ? ', without quotes' : ''}` })
    .check(z.int(message), z.gte(least, message), z.lte(most, message))
}

/** Whether an identity, by its ARN, can send for the sender. */
const covers = (identityArn: string, vending: { sender: string }) =>
  senderIdentities(vending).includes(identityArn.slice(identityArn.indexOf('/') + 1))

/** What `vending.yml` holds. */
export const vendingSchema = fields({
  sender,
  senderIdentity: z.optional(
    text(
      /^arn:aws[\w-]*:ses:[\w-]+:\d{12}:identity\/[^\s]+$/,
      'must be the ARN of an SES identity, like arn:aws:ses:us-east-1:111122223333:identity/example.com',
    ),
  ),
  configurationSet: z.optional(
    text(/^[\w-]{1,64}$/, 'must be the name of an SES configuration set: 1 to 64 letters, digits, _ or -'),
  ),
  organizationName: line('one line of text'),
  contact: line('one line of text'),
  delivery: z._default(z.enum(['link', 'secret'], 'must be link or secret'), 'link'),
  linkDays: z._default(wholeNumber(1, 30, 'days'), 7),
  linkDomain: z.optional(
    fields({
      name: domain,
      certificate: text(
        /^arn:aws[\w-]*:acm:[\w-]+:\d{12}:certificate\/[\w-]+$/,
        'must be the ARN of a certificate of ACM, like arn:aws:acm:us-east-1:111122223333:certificate/…',
      ),
    }),
  ),
  linkConcurrency: z._default(wholeNumber(1, 100, 'executions at a time'), 5),
  handover: z.optional(text(/^[^]{1,2000}$/, 'must be 1 to 2000 characters of text')),
  reminders: z._default(
    lines(wholeNumber(1, 30, 'days'), 'numbers of days').check(
      z.maxLength(5, 'must have at most 5 numbers of days'),
      z.refine((days) => new Set(days).size === days.length, 'must name each number of days once'),
    ),
    [2, 5],
  ),
  unclaimed: z.optional(fields({ removeAfterDays: wholeNumber(1, 365, 'days') })),
  secretAfterSignIn: z._default(z.enum(['delete', 'keep'], 'must be delete or keep'), 'delete'),
  runbook: z.optional(text(/^https:\/\/[^\s]{1,500}$/, 'must be a URL that begins with https://')),
  automatic: z.enum(['organizations', 'control-tower'], 'must be organizations or control-tower'),
  accessRole: z.optional(text(/^[\w+=,.@-]{1,64}$/, 'must be the name of a role: 1 to 64 letters, digits or _+=,.@-')),
  groups: lines(group, 'groups').check(atLeastOne, ofEveryAccount),
  admins: lines(admin, 'administrators').check(atLeastOne, ofEveryAccount),
  tags: z._default(tags, {}),
  passwordLength: z
    .number({
      error: ({ input }) => `must be a number from 24 to 128${typeof input === 'string' ? ', without quotes' : ''}`,
    })
    .check(
      z.int('must be a whole number from 24 to 128'),
      z.gte(24, 'must be at least 24'),
      z.lte(128, 'must be at most 128, IAM’s limit'),
    ),
  passwordResetRequired: trueOrFalse,
  mfa: z.optional(z.literal('required', 'must be required, or be left out')),
  rootCredentials: z.optional(z.literal('audit', 'must be audit, or be left out')),
  round: z._default(z.enum(['unsettled', 'all'], 'must be unsettled or all'), 'unsettled'),
  // The limits are those of IAM API Reference, UpdateAccountPasswordPolicy. Without a policy, IAM demands 8 characters.
  passwordPolicy: z.optional(
    fields({
      minimumPasswordLength: wholeNumber(8, 128, 'characters'),
      requireSymbols: z.optional(trueOrFalse),
      requireNumbers: z.optional(trueOrFalse),
      requireUppercaseCharacters: z.optional(trueOrFalse),
      requireLowercaseCharacters: z.optional(trueOrFalse),
      maxPasswordAge: z.optional(wholeNumber(1, 1095, 'days')),
      passwordReusePrevention: z.optional(wholeNumber(1, 24, 'passwords')),
    }),
  ),
  protected: fields({
    accounts: lines(line('an account’s id, in quotes, or its name'), 'account ids or names'),
    organizationalUnits: lines(
      text(/^ou-[a-z\d]{4,32}-[a-z\d]{8,32}$/, 'must be the id of an organizational unit, like ou-abcd-11111111'),
      'organizational unit ids',
    ),
  }),
  allowedRecipients: lines(domainOrEmail, 'domains and addresses').check(atLeastOne),
  // SES API Reference, SendEmail: a message has at most 50 recipients.
  notify: lines(email, 'addresses').check(atLeastOne, z.maxLength(50, 'must have at most 50 addresses')),
  secretReaders: z._default(lines(principal, 'ARNs of roles and users'), []),
  operators: lines(principal, 'ARNs of roles and users'),
  requesters: lines(principal, 'ARNs of roles and users'),
  requests: z._default(
    fields({
      organizationalUnits: z._default(lines(organizationalUnit, 'ids and paths of organizational units'), []),
      maxPerDay: z._default(wholeNumber(1, 1000, 'accounts'), 20),
    }),
    { organizationalUnits: [], maxPerDay: 20 },
  ),
  approval: z.optional(z.literal('required', 'must be required, or be left out')),
  approvers: z._default(lines(principal, 'ARNs of roles and users'), []),
  approvalMails: z.optional(
    lines(email, 'addresses').check(atLeastOne, z.maxLength(50, 'must have at most 50 addresses')),
  ),
}).check(
  // Without these, nobody could hand over a password.
  z.refine(({ delivery, secretReaders }) => delivery === 'link' || secretReaders.length > 0, {
    path: ['secretReaders'],
    error: 'must name at least one role or user with delivery: secret, or nobody could read the passwords',
  }),
  z.refine(({ delivery, handover }) => delivery === 'link' || handover !== undefined, {
    path: ['handover'],
    error: 'must say how an administrator gets the password with delivery: secret',
  }),
  // The mail promises that the link can be opened for so long.
  z.refine(
    ({ delivery, linkDays, unclaimed }) =>
      delivery === 'secret' || unclaimed === undefined || unclaimed.removeAfterDays >= linkDays,
    {
      path: ['unclaimed', 'removeAfterDays'],
      error: 'must be at least linkDays with delivery: link, because a link can be opened for so many days',
    },
  ),
  z.refine((vending) => !vending.senderIdentity || covers(vending.senderIdentity, vending), {
    path: ['senderIdentity'],
    error: 'must be an identity for the address of the sender: the address itself, its domain, or a parent domain',
  }),
  // Nobody may approve a request of their own.
  z.superRefine(({ approvers, requesters, operators }, context) => {
    for (const [i, approver] of approvers.entries())
      for (const [key, others] of Object.entries({ requesters, operators }))
        for (const other of others)
          if (patternsOverlap(approver, other))
            context.addIssue({
              code: 'custom',
              path: ['approvers', i],
              message: `must not name anybody whom ${other}, under ${key}, names as well: nobody may approve their own requests`,
            })
  }),
  z.refine(({ approval, approvers }) => approval === undefined || approvers.length > 0, {
    path: ['approvers'],
    error: 'must name at least one role or user with approval: required, or nobody could approve a request',
  }),
)

export type Vending = z.output<typeof vendingSchema> & { accessRole: string }

/** The sender's address, without a name. */
export const senderAddress = ({ sender }: Pick<Vending, 'sender'>) => /<(.+)>/.exec(sender)?.[1] ?? sender

/** The SES identities that can send for the sender: the address, its domain, and each parent domain. */
export const senderIdentities = (vending: Pick<Vending, 'sender'>) => {
  const address = addressIdentity(senderAddress(vending))
  const labels = address.slice(address.lastIndexOf('@') + 1).split('.')
  return [address, ...labels.slice(0, -1).map((_, i) => labels.slice(i).join('.'))]
}
