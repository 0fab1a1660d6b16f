import { afterAll, beforeAll, expect, test } from 'vitest'
import { routeThrottle } from '../../infra/build/routes.ts'
import { startApi } from '../../local/aws/api-gateway.ts'

let now = 0
let api: Awaited<ReturnType<typeof startApi>>
const events: { queryStringParameters?: object; requestContext: object }[] = []
beforeAll(async () => {
  const role = {
    name: 'requester' as const,
    logicalId: 'RequesterRole',
    arn: 'arn:aws:iam::111122223333:role/requesters',
    sessionArn: 'arn:aws:sts::111122223333:assumed-role/requesters/ada',
    mayInvoke: ['POST/accounts', 'GET/accounts/*'],
    accessKeyId: 'AKIA',
    secretAccessKey: 'secret',
  }
  const routes = ['POST /accounts', 'GET /accounts', 'GET /accounts/{accountId}'].map((key) => {
    const [method = '', path = ''] = key.split(' ')
    return { method, path, authorizer: {} }
  })
  api = await startApi({
    now: () => now,
    functions: [{ name: 'any', environment: {}, timeoutSeconds: 1, routes }],
    throttle: routeThrottle({ delivery: 'link' }),
    roles: [role],
    region: 'us-east-1',
    accountId: '111122223333',
    invoke: (_, event) => {
      events.push(event as (typeof events)[number])
      return Promise.resolve({ statusCode: 200, headers: {}, body: '' })
    },
  })
})
afterAll(() => api.close())
const send = async (method: string, path: string) =>
  (await api.request({ method, path, headers: {}, body: '' }, 'requester')).status
const statusesOf = async (times: number) => {
  const statuses = await Promise.all(Array.from({ length: times }, () => send('POST', '/accounts')))
  return [200, 429].map((status) => statuses.filter((one) => one === status).length)
}

test('POST /accounts takes 200 requests at once, then 50 a second', async () => {
  expect(await statusesOf(230)).toEqual([200, 30])
  now += 1000
  expect(await statusesOf(60)).toEqual([50, 10])
  now += 60_000
  expect(await statusesOf(201)).toEqual([200, 1])
})

test('a role’s pattern GET/accounts/* does not match GET/accounts', async () => {
  expect(await send('GET', '/accounts/444455556666')).toBe(200)
  expect(await send('GET', '/accounts')).toBe(403)
})

test('a function gets the query string, and who signed', async () => {
  await send('GET', '/accounts/444455556666?status=VENDED&a=1&a=2')
  expect(events.at(-1)).toMatchObject({
    queryStringParameters: { status: 'VENDED', a: '1,2' },
    requestContext: { authorizer: { iam: { userArn: 'arn:aws:sts::111122223333:assumed-role/requesters/ada' } } },
  })
})
