import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import * as z from 'zod/mini'
import { decision } from '../functions/decide-request/decide-request.ts'
import { accountStatus, listQuery } from '../functions/list-accounts/list-accounts.ts'
import { alternateContact, openRequest, requestId } from '../functions/shared/new-account.ts'
import { requestStatuses } from '../functions/shared/opening.ts'
import {
  accountId,
  admin,
  adminSchema,
  adminsRequest,
  group,
  groupSchema,
  policyDocument,
  userName,
} from '../functions/shared/request.ts'
import manifest from '../package.json' with { type: 'json' }

// Describes the API in OpenAPI. What can be sent comes from the schemas that check the requests.

const time = z.iso.datetime()
const step = z.object({ state: z.string(), userName: z.optional(z.string()), at: time, act: z.optional(z.string()) })

/** What a person should know about a request that is carried out all the same. */
const warnings = z.optional(z.array(z.string()))

/** What the API answers. */
export const answers = {
  RequestAccepted: z.object({ requestId, status: z.enum(['accepted', 'awaiting-approval']), warnings }),
  Request: z.object({
    requestId,
    status: z.enum(requestStatuses),
    name: z.string(),
    email: z.string(),
    ou: z.optional(z.string()),
    requestedBy: z.string(),
    requestedAt: time,
    approval: z.optional(
      z.object({
        decision: z.enum(['approved', 'declined', 'expired']),
        by: z.string(),
        at: time,
        reason: z.optional(z.string()),
      }),
    ),
    accountId: z.optional(accountId),
    waiting: z.optional(z.object({ for: z.string(), until: time })),
    timeline: z.array(step),
    failure: z.optional(
      z.object({ error: z.string(), what: z.string(), cause: z.string(), advice: z.string(), at: time }),
    ),
    links: z.object({ self: z.string(), account: z.optional(z.string()) }),
  }),
  Decided: z.object({ requestId, decision: z.enum(['approved', 'declined']), by: z.string(), at: time }),
  AccountList: z.object({
    accounts: z.array(
      z.object({
        accountId,
        accountName: z.string(),
        status: accountStatus,
        updatedAt: time,
        vendedAt: z.optional(time),
        executionArn: z.string(),
      }),
    ),
    cursor: z.optional(z.string()),
  }),
  VendAccepted: z.object({ accountId, execution: z.string(), status: z.literal('Accepted'), warnings }),
  Account: z.object({
    accountId,
    accountName: z.optional(z.string()),
    status: z.union([accountStatus, z.literal('NOT_VENDED')]),
    updatedAt: z.optional(time),
    vendedAt: z.optional(time),
    executionArn: z.optional(z.string()),
    requestedBy: z.optional(z.string()),
    failure: z.optional(z.object({ status: z.optional(z.string()), error: z.string(), cause: z.string(), at: time })),
    removal: z.optional(
      z.object({
        what: z.enum(['sign-in', 'everything']),
        userName: z.optional(z.string()),
        at: time,
        by: z.string(),
        users: z.array(
          z.object({
            userName: z.string(),
            is: z.enum(['deleted', 'without sign-in', 'gone']),
            left: z.optional(z.record(z.string(), z.int())),
          }),
        ),
        groups: z.array(z.string()),
        stays: z.array(z.object({ kind: z.string(), name: z.string(), why: z.string() })),
      }),
    ),
    asked: z.optional(
      z.object({
        groups: z.array(z.string()),
        users: z.array(z.string()),
        kept: z.optional(z.array(z.string())),
        signingIn: z.optional(z.array(z.string())),
      }),
    ),
    timeline: z.array(step),
    groups: z.array(groupSchema),
    admins: z.array(
      z.extend(adminSchema, {
        kept: z.boolean(),
        mailedAt: z.optional(time),
        mail: z.optional(z.looseObject({ status: z.string(), at: time })),
        handover: z.optional(z.looseObject({ state: z.string() })),
        signIn: z.optional(
          z.object({
            isThere: z.boolean(),
            hasLoginProfile: z.boolean(),
            hasSignedIn: z.boolean(),
            lastSignInAt: z.optional(time),
            mustChangePassword: z.boolean(),
            hasMfa: z.boolean(),
            accessKeys: z.int(),
          }),
        ),
        followUps: z.optional(z.array(z.object({ act: z.string(), at: time }))),
        toldAt: z.optional(time),
        signInRemovedAt: z.optional(time),
      }),
    ),
    lookedAt: z.optional(time),
    findings: z.optional(z.array(z.object({ kind: z.string(), subject: z.string(), text: z.string(), since: time }))),
  }),
  Problem: z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.optional(z.string()),
    field: z.optional(z.string()),
    errors: z.optional(z.array(z.object({ field: z.string(), message: z.string() }))),
  }),
}

const requests = {
  OpenRequest: openRequest,
  AlternateContact: alternateContact,
  AdminsRequest: adminsRequest,
  Admin: admin,
  Group: group,
  PolicyDocument: policyDocument,
  Decision: decision,
}

const refTo = (name: string) => `#/components/schemas/${name}`

/** JSON Schemas of Zod's, by name. */
const schemasOf = (named: Record<string, z.ZodMiniType>, io: 'input' | 'output') => {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: refTo,
    override: ({ zodSchema, jsonSchema }) => {
      const { patterns } = zodSchema._zod.bag as { patterns?: Set<RegExp> }
      // JSON Schema has no flags.
      for (const { flags, source } of patterns ?? [])
        if (flags.includes('i')) throw new Error(`The pattern ${source} ignores case, and OpenAPI cannot say so`)
      // A later version may answer more.
      if (io === 'output' && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties
      // A pattern that every text matches: another check gives the field its message.
      if (jsonSchema.pattern === '^') delete jsonSchema.pattern
      if (jsonSchema.allOf) jsonSchema.allOf = jsonSchema.allOf.filter(({ pattern }) => pattern !== '^')
    },
  })
  return Object.fromEntries(Object.entries(schemas).map(([name, { $schema: _, $id: __, ...schema }]) => [name, schema]))
}

const plain = (schema: z.ZodMiniType) => {
  const { $schema: _, ...plain } = z.toJSONSchema(schema)
  return plain
}
const inPath = (name: string, schema: z.ZodMiniType) => ({ name, in: 'path', required: true, schema: plain(schema) })
const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same request with the same key is carried out once.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
}
const json = (name: string) => ({ content: { 'application/json': { schema: { $ref: refTo(name) } } } })
const header = (description: string, type = 'string') => ({ description, schema: { type } })
const accepted = (name: keyof typeof answers, what: string) => ({
  202: {
    description: what,
    headers: {
      Location: header('The path that says how far the request is.'),
      'Retry-After': header('After how many seconds to look there.', 'integer'),
    },
    ...json(name),
  },
})
const ok = (name: keyof typeof answers, description: string) => ({ 200: { description, ...json(name) } })
const refusals: Record<number, string> = {
  400: 'The request is not valid: the answer names the wrong fields.',
  403: 'The request asks for what vending.yml does not allow, or the role may not call this route.',
  404: 'There is no such account, user or request.',
  409: 'The account or another request stands in the way.',
  422: 'The Idempotency-Key was used before with another request.',
  429: 'There are too many requests, or requesters have asked for too many accounts today.',
  503: 'AWS throttles the service.',
}
const refused = (...statuses: number[]) =>
  Object.fromEntries(
    [...statuses, 403, 429, 503].map((status) => [
      status,
      {
        description: refusals[status],
        content: { 'application/problem+json': { schema: { $ref: refTo('Problem') } } },
      },
    ]),
  )
const body = (name: keyof typeof requests, required = true) => ({ requestBody: { required, ...json(name) } })

/** The OpenAPI document of the API. */
export const openApi = {
  openapi: '3.1.0',
  info: {
    title: 'account-vending',
    version: manifest.version,
    description:
      'Opens AWS accounts, and makes their first administrators. Requests are signed with Signature Version 4.',
  },
  paths: {
    '/accounts': {
      post: {
        operationId: 'requestAccount',
        summary: 'Asks for a new account',
        parameters: [idempotencyKey],
        ...body('OpenRequest'),
        responses: {
          ...accepted('RequestAccepted', 'The request is on record.'),
          ...refused(400, 409, 422),
        },
      },
      get: {
        operationId: 'listAccounts',
        summary: 'Lists the accounts on record, 50 a page',
        parameters: Object.entries(listQuery.shape).map(([name, schema]) => ({
          name,
          in: 'query',
          schema: plain(schema),
        })),
        responses: { ...ok('AccountList', 'A page of accounts, and the cursor of the next page.'), ...refused(400) },
      },
    },
    '/accounts/{accountId}': {
      get: {
        operationId: 'getAccount',
        summary: 'Reads the status and the timeline of an account',
        parameters: [inPath('accountId', accountId)],
        responses: { ...ok('Account', 'What is on record about the account.'), ...refused(400, 404) },
      },
    },
    '/accounts/{accountId}/admins': {
      post: {
        operationId: 'requestAdmins',
        summary: 'Starts a vend of an existing account',
        parameters: [inPath('accountId', accountId), idempotencyKey],
        ...body('AdminsRequest', false),
        responses: { ...accepted('VendAccepted', 'The vend is started.'), ...refused(400, 404, 409, 422) },
      },
    },
    '/accounts/{accountId}/admins/{userName}/link': {
      post: {
        operationId: 'requestLink',
        summary: 'Mails an administrator a new link with a new password',
        parameters: [inPath('accountId', accountId), inPath('userName', userName), idempotencyKey],
        responses: { ...accepted('VendAccepted', 'The vend is started.'), ...refused(400, 404, 409, 422) },
      },
    },
    '/requests/{requestId}': {
      get: {
        operationId: 'getRequest',
        summary: 'Reads how far a request for an account is',
        parameters: [inPath('requestId', requestId)],
        responses: { ...ok('Request', 'The request.'), ...refused(404) },
      },
    },
    '/requests/{requestId}/approval': {
      post: {
        operationId: 'decideRequest',
        summary: 'Approves or declines a request',
        parameters: [inPath('requestId', requestId)],
        ...body('Decision'),
        responses: { ...ok('Decided', 'The decision is on record.'), ...refused(400, 404, 409) },
      },
    },
  },
  components: {
    schemas: { ...schemasOf(requests, 'input'), ...schemasOf(answers, 'output') },
    securitySchemes: {
      sigv4: {
        type: 'apiKey',
        name: 'Authorization',
        in: 'header',
        description:
          'AWS Signature Version 4 for the service execute-api, by the operator, requester or approver role.',
        'x-amazon-apigateway-authtype': 'awsSigv4',
      },
    },
  },
  security: [{ sigv4: [] }],
}

const file = path.join(import.meta.dirname, 'openapi.json')

/** The document as docs/openapi.json must hold it. */
export const openApiText = async () =>
  format(JSON.stringify(openApi), { ...(await resolveConfig(file)), parser: 'json' })

if (import.meta.main) await writeFile(file, await openApiText())
