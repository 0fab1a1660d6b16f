import * as z from 'zod/mini'
import { email, fields, requestShape, tags, text } from './request.ts'

// What can be asked for when an account is opened. The limits are those of Organizations (API Reference, CreateAccount)
// and of Account Management (API Reference, PutAlternateContact).

/** The tag that says which request an account was opened for. */
export const requestTag = 'account-vending:request'

// CreateAccount takes < and > as well, and PutAccountName does not.
const accountName = text(
  /^(?!\s)[\x20-\x3b\x3d\x3f-\x7e]{1,50}(?<!\s)$/,
  'must be 1 to 50 ASCII characters, without < and >, and without a space at the beginning or end',
)
const anEmail = 'must be the e-mail address of an account, like sandbox@example.com'
/**
 * An account's own address. Organizations' rule is stricter than the rule for addresses of people. What is no address
 * is told as such, however long it is.
 */
export const accountEmail = text(/^/, anEmail).check(
  z.refine((address) => {
    const pattern = /^(?!\.)[\w!#$*+\-./=?^`{}~]+@(?=[^@]*\.)[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i
    return pattern.test(address) && !address.includes('..') && email.safeParse(address).success
  }, anEmail),
  z.minLength(6, 'must have 6 to 64 characters: Organizations takes no others'),
  z.maxLength(64, 'must have 6 to 64 characters: Organizations takes no others'),
)
/** An organizational unit: its id, or the names on the way from the root to the unit. */
export const organizationalUnit = text(
  /^(ou-[a-z\d]{4,32}-[a-z\d]{8,32}|(?!\/)[^/\r\n]{1,128}(\/[^/\r\n]{1,128}){0,4})$/,
  'must be the id of an organizational unit, like ou-abcd-11111111, or its path, like Workloads/Sandbox',
)
const line = (longest: number) =>
  text(new RegExp(`^[^\\r\\n]{1,${longest}}$`), `must be one line of 1 to ${longest} characters`)
/** A contact of an account besides its own address. Account Management requires all fields. */
export const alternateContact = fields({
  name: line(64),
  title: line(50),
  email,
  phone: text(/^[\s0-9()+-]{1,25}$/, 'must be a phone number: 1 to 25 digits, spaces or ()+-'),
})
const ourTags = z.refine<Record<string, string>>(
  (given) => !Object.keys(given).some((key) => key.toLowerCase().startsWith('account-vending:')),
  'must not have a key that begins with account-vending: because the service sets these tags itself',
)
const accountShape = {
  name: accountName,
  email: accountEmail,
  ou: z.optional(organizationalUnit),
  // Organizations allows 50 tags, and one of them is the service's own.
  tags: z._default(
    tags.check(
      ourTags,
      z.refine((given) => Object.keys(given).length <= 49, 'must have at most 49 tags'),
    ),
    {},
  ),
  alternateContacts: z._default(
    fields({
      billing: z.optional(alternateContact),
      operations: z.optional(alternateContact),
      security: z.optional(alternateContact),
    }),
    {},
  ),
}
const { again: _, ...peopleShape } = requestShape

/** The body of a request to open an account. */
export const openRequest = fields({ ...accountShape, ...peopleShape })
export type OpenRequest = z.output<typeof openRequest>
export type NewAccount = Pick<OpenRequest, 'name' | 'email' | 'ou' | 'tags' | 'alternateContacts'>

export const requestId = text(/^[\da-f]{32}$/, 'must be the id of a request: 32 hexadecimal digits')

/** The input of an execution that opens an account. */
export const openExecution = fields({
  account: fields(accountShape),
  ...peopleShape,
  /** The request in the ledger that this execution carries out. A manual execution has none. */
  requestId: z.optional(requestId),
  requestedBy: z.optional(z.string('must be text').check(z.maxLength(2048, 'must have at most 2048 characters'))),
})

/** The input of the execution that carries out a request. */
export const inputOf = ({ name, email, ou, tags, alternateContacts, ...people }: OpenRequest) => ({
  account: { name, email, ...(ou !== undefined && { ou }), tags, alternateContacts },
  ...people,
})

/** What the steps know about the account that they open. */
export const openingSchema = z.object({
  requestId: z.string(),
  requestedBy: z.string(),
  name: z.string(),
  email: z.string(),
  /** The id of the organizational unit. */
  ou: z.optional(z.string()),
  tags: z.record(z.string(), z.string()),
  alternateContacts: z.record(
    z.string(),
    z.object({ name: z.string(), title: z.string(), email: z.string(), phone: z.string() }),
  ),
})
export type Opening = z.output<typeof openingSchema>
