import type { Facts } from './init-facts.ts'
import type { Value } from './vending-text.ts'

/** The values of vending.yml so far: those of the file, and the answers. */
export type Values = Record<string, unknown>
export type Choice = { name: string; value: string }

export type Question = {
  /** The key of vending.yml. */
  key: string
  option: string
  /** How the help of the command names the value. */
  form: string
  /** What the key means, for the help. */
  what: string
  /** One sentence for the person who answers. */
  explain: (facts: Facts, values: Values) => string
  suggest: (facts: Facts, values: Values) => Value
  choices?: (facts: Facts) => Choice[]
  /** Whether the answer is a list. */
  isList?: true
  /** Whether the answer can be none, which leaves the key out. */
  canBeNone?: true
  /** Whether to ask at all. The default is yes. */
  isNeeded?: (values: Values) => boolean
}

const strings = (value: unknown) => (Array.isArray(value) ? value : []).filter((entry) => typeof entry === 'string')
const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1)

/** A sender for a verified identity of SES. */
const senderOf = (identity: string) =>
  `Account Vending <${identity.includes('@') ? identity : `account-vending@${identity}`}>`

const roles = ({ roles }: Facts): Choice[] => roles.map(({ name, arn }) => ({ name, value: arn }))
const oneOf = (...values: string[]) => values.map((value) => ({ name: value, value }))

/** The questions of `vend init`, in their order. The values of all other keys suit most organizations. */
export const questions: Question[] = [
  {
    key: 'organizationName',
    option: 'organization-name',
    form: '<NAME>',
    what: 'the name of your organization in the mails',
    explain: ({ account }) =>
      `Every mail says this name, so that its recipient knows who sends it.${account ? ` Your management account is called ${account.name}.` : ''}`,
    suggest: ({ account }) => account?.name,
  },
  {
    key: 'sender',
    option: 'sender',
    form: '<ADDRESS>',
    what: 'the sender of all mails: an address, alone or as "Name <address>"',
    explain: ({ identities, region }) =>
      `All mails come from this address, and SES must have verified the address or its domain in ${region}. ${
        identities.length ? `Verified there: ${identities.join(', ')}.` : 'Nothing is verified there yet.'
      }`,
    suggest: ({ identities: [first] }) => (first === undefined ? undefined : senderOf(first)),
    choices: ({ identities }) =>
      identities.length > 1 ? identities.map((identity) => ({ name: identity, value: senderOf(identity) })) : [],
  },
  {
    key: 'notify',
    option: 'notify',
    form: '<ADDRESS>',
    what: 'an address of the people who run the service; can be repeated',
    explain: () =>
      'These people run the service: they get the mails about failures, bounced mails and findings, and the alarms.',
    suggest: () => undefined,
    isList: true,
  },
  {
    key: 'contact',
    option: 'contact',
    form: '<TEXT>',
    what: 'whom the recipient of a mail can ask: an address, a channel or a phone number',
    explain: () => 'Every mail names whom its recipient can ask: an address, a channel or a phone number.',
    suggest: (_, { notify }) => strings(notify)[0],
  },
  {
    key: 'allowedRecipients',
    option: 'allowed-recipients',
    form: '<DOMAIN>',
    what: 'a domain or an address that sign-in mails may go to; can be repeated',
    explain: ({ account }) =>
      'Sign-in mails and reminders go only to these domains and addresses. An administrator without an address of their ' +
      `own gets the mail at the account’s address${account ? ` (your management account has ${account.email})` : ''}.`,
    suggest: (_, { notify }) => {
      const domains = [...new Set(strings(notify).map(domainOf))]
      return domains.length ? domains : undefined
    },
    isList: true,
  },
  {
    key: 'automatic',
    option: 'automatic',
    form: '<DOOR>',
    what: 'which events start a vend: organizations or control-tower',
    explain: ({ hasControlTower }) =>
      hasControlTower
        ? 'Control Tower governs this organization, and only Control Tower knows when its accounts are ready.'
        : 'Control Tower does not govern this organization, so the events of Organizations start the vends.',
    suggest: ({ hasControlTower }) => (hasControlTower ? 'control-tower' : 'organizations'),
    choices: () => oneOf('organizations', 'control-tower'),
  },
  {
    key: 'delivery',
    option: 'delivery',
    form: '<WAY>',
    what: 'how an administrator gets the first password: link or secret',
    explain: () =>
      'With link, the sign-in mail has a link to a page that shows the password once; with secret, no page is deployed, ' +
      'and one of your people hands the password over.',
    suggest: () => 'link',
    choices: () => oneOf('link', 'secret'),
  },
  {
    key: 'handover',
    option: 'handover',
    form: '<TEXT>',
    what: 'with --delivery secret: how an administrator gets the password',
    explain: () => 'The sign-in mail contains this text, because the mail has no link to the password.',
    suggest: (_, { contact }) =>
      typeof contact === 'string'
        ? `Ask ${contact} for your password. They check who you are and hand it over in person or by phone.`
        : undefined,
    isNeeded: ({ delivery }) => delivery === 'secret',
  },
  {
    key: 'operators',
    option: 'operators',
    form: '<ROLE>',
    what: 'an ARN of a role or user, or the name of a permission set, that may operate the API; can be repeated',
    explain: () =>
      'Operators can start vends, open accounts and read the status of all accounts through the API of this service.',
    suggest: ({ own }) => (own === undefined ? undefined : [own]),
    choices: roles,
    isList: true,
  },
  {
    key: 'secretReaders',
    option: 'secret-readers',
    form: '<ROLE>',
    what: 'who may read the first passwords, or none; can be repeated',
    explain: (_, { delivery }) =>
      delivery === 'secret'
        ? 'Secret readers can read the first passwords, and hand them over.'
        : 'Secret readers can read the first passwords; with delivery: link, nobody needs to.',
    suggest: (_, { delivery, operators }) => (delivery === 'secret' ? strings(operators) : []),
    choices: roles,
    isList: true,
  },
  {
    key: 'requesters',
    option: 'requesters',
    form: '<ROLE>',
    what: 'who may request accounts through the API, or none; can be repeated',
    explain: () => 'Requesters, like developers or a portal, can request new accounts through the API.',
    suggest: () => [],
    choices: roles,
    isList: true,
  },
  {
    key: 'approval',
    option: 'approval',
    form: '<WHEN>',
    what: 'whether an approver must approve each request for an account: required or none',
    explain: () => 'With required, no account is opened before an approver has approved the request.',
    suggest: () => undefined,
    choices: () => oneOf('required', 'none'),
    canBeNone: true,
    isNeeded: ({ requesters, approval }) => strings(requesters).length > 0 || approval !== undefined,
  },
  {
    key: 'approvers',
    option: 'approvers',
    form: '<ROLE>',
    what: 'with --approval required: who may approve requests; can be repeated',
    explain: () => 'Approvers can approve or decline requests, and nobody may approve a request of their own.',
    suggest: () => undefined,
    choices: roles,
    isList: true,
    isNeeded: ({ approval }) => approval === 'required',
  },
]

/**
 * Reads an answer. A name of a choice stands for its value, and so does its number, if the person has seen the numbers.
 * `none` is the empty list, or no value.
 */
export const readAnswer = (question: Question, texts: string[], facts: Facts, { numbered = false } = {}): Value => {
  const choices = question.choices?.(facts) ?? []
  const valueOf = (text: string) =>
    choices.find(({ name }, i) => text === name || (numbered && text === String(i + 1)))?.value ?? text
  if (!question.isList) {
    const value = valueOf((texts.at(-1) ?? '').trim())
    return question.canBeNone && value === 'none' ? undefined : value
  }
  const entries = texts
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter(Boolean)
  return entries.length === 1 && entries[0] === 'none' ? [] : entries.map(valueOf)
}
