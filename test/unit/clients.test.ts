import { afterAll, beforeEach, expect, test, vi } from 'vitest'

// The clients of each handler: how often each tries, and in which retry mode. A repetition of SendEmail is a second
// mail, so every retry of it is in the definition of the workflow.

type Client = { config: { maxAttempts: () => Promise<number>; retryMode: unknown } }
const { made, recording } = vi.hoisted(() => {
  const made: [name: string, client: unknown][] = []
  /** A module of the SDK whose clients are recorded when they are made. */
  const recording = (module: object) =>
    Object.fromEntries(
      Object.entries(module).map(([name, content]) => {
        if (!/^[A-Z]\w+Client$/.test(name)) return [name, content as unknown]
        const Client = content as new (config: object) => object
        return [
          name,
          class extends Client {
            constructor(config: object) {
              super(config)
              made.push([name, this])
            }
          },
        ]
      }),
    )
  return { made, recording }
})
vi.mock('@aws-sdk/client-dynamodb', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-eventbridge', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-iam', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-organizations', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-secrets-manager', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-ses', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-sfn', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-sns', async (original) => recording(await original()))
vi.mock('@aws-sdk/client-sts', async (original) => recording(await original()))
// The sweep makes its clients when it runs.
vi.mock('../../functions/sweep/sweep.ts', () => ({ sweep: () => Promise.resolve({}) }))

for (const [name, value] of Object.entries({
  AWS_REGION: 'us-east-1',
  LEDGER_TABLE: 'ledger',
  ACCESS_ROLE_NAME: 'role',
  CONFIGURATION_SET: 'account-vending',
  LINK_URL: 'https://access.example.com/link',
  PASSWORD_KEY_ARN: 'arn:aws:kms:us-east-1:111122223333:key/any',
  OPERATOR_ROLE: 'operators',
  NOTICES_TOPIC: 'arn:aws:sns:us-east-1:111122223333:any',
  STATE_MACHINE_ARN: 'arn:aws:states:us-east-1:111122223333:stateMachine:any',
}))
  vi.stubEnv(name, value)
afterAll(() => {
  vi.unstubAllEnvs()
})
beforeEach(() => {
  made.length = 0
})

const options = async () =>
  Object.fromEntries(
    await Promise.all(
      made.map(async ([name, client]) => {
        const { maxAttempts, retryMode } = (client as Client).config
        const mode: unknown = typeof retryMode === 'function' ? await (retryMode as () => unknown)() : retryMode
        return [name, `${await maxAttempts()} ${String(mode)}`] as const
      }),
    ),
  )

// The SDK's own choice: DynamoDB's client tries once more than the others.
const usual = '3 standard'
const usualOfDynamoDB = '4 standard'
const once = '1 standard'

test.each([
  ['accept-request', { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: usual, SFNClient: usual }],
  ['create-admin-group', { DynamoDBClient: usualOfDynamoDB, STSClient: usual }],
  ['store-password', { DynamoDBClient: usualOfDynamoDB, SecretsManagerClient: usual }],
  ['create-admin-user', { DynamoDBClient: usualOfDynamoDB, SecretsManagerClient: usual, STSClient: usual }],
  // A mail that was sent must be recorded, or the next try sends it again.
  ['send-login-email', { DynamoDBClient: '10 standard', SESClient: once }],
  ['seal-password', { DynamoDBClient: usualOfDynamoDB, SecretsManagerClient: usual }],
  ['claim-link', { DynamoDBClient: usualOfDynamoDB, EventBridgeClient: usual }],
  ['tell-subscribers', { DynamoDBClient: usualOfDynamoDB, SFNClient: usual, SNSClient: usual }],
  ['report-claim', { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: usual, SESClient: once }],
  ['record-mail-event', { DynamoDBClient: usualOfDynamoDB, SESClient: once }],
  ['record-vended', { DynamoDBClient: usualOfDynamoDB, EventBridgeClient: usual }],
  [
    'report-failure',
    { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: usual, SESClient: once, SFNClient: usual },
  ],
  // ListAccounts answers a few calls a second.
  [
    'sweep',
    {
      DynamoDBClient: usualOfDynamoDB,
      OrganizationsClient: '10 adaptive',
      SecretsManagerClient: usual,
      SESClient: once,
      SFNClient: usual,
    },
  ],
  ['look-at-accounts', { DynamoDBClient: usualOfDynamoDB, STSClient: usual }],
  ['audit-root-credentials', { DynamoDBClient: usualOfDynamoDB, STSClient: usual }],
  // A mail that was sent must be recorded, too.
  ['follow-up', { DynamoDBClient: '10 standard', SecretsManagerClient: usual, SESClient: once, SFNClient: usual }],
  ['report-round', { DynamoDBClient: '10 standard', EventBridgeClient: usual, SESClient: once }],
  ['request-admins', { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: usual, SFNClient: usual }],
  // Many may ask for an account at the same moment.
  [
    'request-account',
    { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: '6 standard', SESClient: once, SFNClient: usual },
  ],
  ['get-request', { DynamoDBClient: usualOfDynamoDB }],
  ['decide-request', { DynamoDBClient: usualOfDynamoDB, SFNClient: usual }],
  ['list-accounts', { DynamoDBClient: usualOfDynamoDB }],
  ['get-account', { DynamoDBClient: usualOfDynamoDB, OrganizationsClient: usual }],
])('%s tries as often as the table says', async (name, expected) => {
  const { handler } = (await import(`../../functions/${name}/handler.ts`)) as {
    handler: (event: unknown, context: object) => Promise<unknown>
  }
  vi.spyOn(process.stdout, 'write').mockReturnValue(true)
  if (name === 'sweep') await handler({ executionArn: 'arn' }, { getRemainingTimeInMillis: () => 1000 })
  vi.restoreAllMocks()
  expect(await options()).toEqual(expected)
})

test('the IAM client of a session tries as often as the others', async () => {
  const { signIn } = await import('../../functions/shared/iam-client.ts')
  const { anAccount, aVend } = await import('../support/builders.ts')
  const sts = { send: () => Promise.resolve({ Credentials: {} }) }
  await signIn(sts as never, { account: anAccount(), roleName: 'role', vend: aVend(), permissions: [] })
  expect(await options()).toEqual({ IAMClient: usual })
})
