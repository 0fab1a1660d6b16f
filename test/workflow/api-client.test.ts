import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createClient } from '@hey-api/openapi-ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type * as z from 'zod/mini'
import { answers, openApi, openApiText } from '../../docs/openapi.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// docs/openapi.json describes the API to programs. A client that a generator makes from it must work.

test('docs/openapi.json is up to date: npm run openapi writes it', async () => {
  expect(readFileSync('docs/openapi.json', 'utf8')).toBe(await openApiText())
})

type Sent = { data?: unknown; error?: unknown; response: Response }
type Call = (options: object) => Promise<Sent>
type Operation = 'requestAccount' | 'getRequest' | 'listAccounts' | 'getAccount' | 'requestAdmins' | 'requestLink'

let organization: TestOrganization
let sdk: Record<Operation, Call>
let document: object
const folder = temporaryFolder()
beforeAll(async () => {
  organization = await anOrganization()
  const served = await fetch(`${organization.apiUrl}/openapi.json`)
  document = (await served.json()) as object
  const output = path.join(folder, 'client')
  await createClient({ input: document, output, plugins: ['@hey-api/client-fetch'], logs: { level: 'silent' } })
  sdk = (await import(path.join(output, 'sdk.gen.ts'))) as typeof sdk
  const { client } = (await import(path.join(output, 'client.gen.ts'))) as {
    client: { setConfig: (config: object) => void }
  }
  client.setConfig({ baseUrl: organization.apiUrl, fetch: signing })
}, 60_000)
afterAll(() => organization.close())

/** Signs a request as an operator. */
const signing = async (request: Request) => {
  const { pathname, search } = new URL(request.url)
  const headers = Object.fromEntries(request.headers)
  const { status, body, ...answer } = await organization.requestApi({
    method: request.method,
    path: pathname + search,
    headers,
    body: await request.text(),
  })
  return new Response(body, { status, headers: answer.headers })
}

/** The answer of a call, which must be exactly what the document says. */
const answerOf = async <Name extends keyof typeof answers>(name: Name, call: Promise<Sent>) => {
  const { data, error, response } = await call
  const answer: unknown = data ?? error
  expect(answers[name].parse(answer), name).toEqual(answer)
  return { status: response.status, answer: answer as z.output<(typeof answers)[Name]> }
}

test('the document describes every route whose callers sign their requests, and no other', () => {
  const routes = organization.deployed.functions.flatMap((fn) => fn.routes.filter(({ authorizer }) => authorizer))
  const described = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(described.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort())
})

test('the generated client opens an account, and reads how it stands', async () => {
  const body = { name: 'Sandbox', email: 'sandbox@example.com', tags: { Team: 'Platform' } }
  const accepted = await answerOf('RequestAccepted', sdk.requestAccount({ body }))
  expect(accepted).toMatchObject({ status: 202, answer: { status: 'accepted' } })
  const { requestId } = accepted.answer
  const begun = await answerOf('Request', sdk.getRequest({ path: { requestId } }))
  expect(begun).toMatchObject({ status: 200, answer: { name: 'Sandbox' } })
  await organization.settled()

  const { answer: ready } = await answerOf('Request', sdk.getRequest({ path: { requestId } }))
  expect(ready.status).toBe('vended')
  const accountId = ready.accountId ?? ''
  const account = await answerOf('Account', sdk.getAccount({ path: { accountId } }))
  expect(account.answer).toMatchObject({ status: 'VENDED', admins: [{ userName: 'Administrator' }] })
  const list = await answerOf('AccountList', sdk.listAccounts({ query: { status: 'VENDED' } }))
  expect(list.answer.accounts.map(({ accountId }) => accountId)).toContain(accountId)

  const admins = [{ userName: 'ada', email: 'ada@example.com' }]
  const vend = await answerOf('VendAccepted', sdk.requestAdmins({ path: { accountId }, body: { admins } }))
  expect(vend.status).toBe(202)
  await organization.settled()
  const link = await answerOf('VendAccepted', sdk.requestLink({ path: { accountId, userName: 'ada' } }))
  expect(link.status).toBe(202)
  await organization.settled()
})

test('the generated client gets refusals as problems', async () => {
  const refused = await answerOf('Problem', sdk.requestAccount({ body: { name: 'Sandbox', email: 'nowhere' } }))
  expect(refused).toMatchObject({ status: 400, answer: { field: 'email' } })
  const unknown = await answerOf('Problem', sdk.getRequest({ path: { requestId: '0'.repeat(32) } }))
  expect(unknown.status).toBe(404)
})
