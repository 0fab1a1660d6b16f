import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand, DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { CreateRoleCommand, CreateUserCommand, IAMClient, ListUsersCommand } from '@aws-sdk/client-iam'
import { GetAccountSettingsCommand, LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import {
  GetIdentityVerificationAttributesCommand,
  GetSendQuotaCommand,
  SendEmailCommand,
  SESClient,
} from '@aws-sdk/client-ses'
import { GetAccountCommand, SESv2Client } from '@aws-sdk/client-sesv2'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns'
import { afterEach, expect, test } from 'vitest'
import { AwsError } from '../../local/aws/aws-error.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

const opened: { close: () => Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()))
})

const start = async (options: Parameters<typeof startEndpoint>[1] = {}) => {
  const world = createWorld(manualClock())
  const endpoint = await startEndpoint(world, options)
  opened.push(endpoint)
  const config = (accessKeyId = world.managementAccountId) => ({
    endpoint: endpoint.url,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey: 'local' },
    maxAttempts: 1,
    userAgentAppId: 'create-admin-user',
  })
  return { world, endpoint, config }
}

const mail = (Source: string, ...ToAddresses: string[]) =>
  new SendEmailCommand({
    Source,
    Destination: { ToAddresses },
    Message: { Subject: { Data: 'Grüße & more' }, Body: { Text: { Data: 'a+b=c\n' }, Html: { Data: '<b>hi</b>' } } },
  })

test('an account that leaves while its call is under way gets the answer of an unknown key', async () => {
  const { world, config } = await start({ intercept: ({ caller }) => void world.accounts.delete(caller.accountId) })
  await expect(new IAMClient(config('555555555555')).send(new ListUsersCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  })
})

test('every call is on record with its service, operation, account, function and error', async () => {
  const { world, config } = await start()
  const iam = new IAMClient(config('555555555555'))
  await iam.send(new ListUsersCommand({}))
  await iam.send(new CreateUserCommand({ UserName: 'administrator' })).catch(() => {})
  const by = {
    service: 'iam',
    accountId: '555555555555',
    function: 'create-admin-user',
    at: world.now(),
    end: world.now(),
  }
  expect(world.calls).toEqual([
    { ...by, operation: 'ListUsers' },
    { ...by, operation: 'CreateUser', error: 'EntityAlreadyExists' },
  ])
})

test('unknown operations and unknown keys are refused with an error', async () => {
  const { config } = await start()
  const role = new CreateRoleCommand({ RoleName: 'x', AssumeRolePolicyDocument: '{}' })
  await expect(new IAMClient(config()).send(role)).rejects.toMatchObject({
    name: 'UnsupportedByLocalOrganization',
    message: 'The local organization does not know iam CreateRole',
  })
  const execution = new StartExecutionCommand({
    stateMachineArn: 'arn:aws:states:us-east-1:111122223333:stateMachine:x',
  })
  await expect(new SFNClient(config()).send(execution)).rejects.toMatchObject({
    name: 'UnsupportedByLocalOrganization',
  })
  // In a REST protocol, the path stands for the name of the operation.
  await expect(new LambdaClient(config()).send(new ListFunctionsCommand({}))).rejects.toMatchObject({
    name: 'UnsupportedByLocalOrganization',
    message: 'The local organization does not know lambda GET /2015-03-31/functions',
  })
  await expect(new SESClient(config()).send(new GetSendQuotaCommand({}))).rejects.toMatchObject({
    name: 'UnsupportedByLocalOrganization',
  })
  await expect(new IAMClient(config('AKIAUNKNOWN')).send(new ListUsersCommand({}))).rejects.toMatchObject({
    name: 'InvalidClientTokenId',
  })
  await expect(new SFNClient(config('AKIAUNKNOWN')).send(execution)).rejects.toMatchObject({
    name: 'UnrecognizedClientException',
  })
})

test('a member account does not reach the resources of the management account', async () => {
  const { config } = await start()
  await expect(new SecretsManagerClient(config('555555555555')).send(new ListSecretsCommand({}))).rejects.toMatchObject(
    { name: 'AccessDeniedException' },
  )
  await expect(new SESClient(config('555555555555')).send(mail('a@example.com'))).rejects.toMatchObject({
    name: 'AccessDenied',
  })
})

test('a caller can add operations', async () => {
  const { config } = await start({
    operations: {
      states: {
        StartExecution: (_, input: { name?: string }) => ({
          executionArn: `started ${input.name}`,
          startDate: new Date(5000),
        }),
      },
    },
  })
  const sfn = new SFNClient(config())
  expect(await sfn.send(new StartExecutionCommand({ stateMachineArn: 'arn', name: 'one' }))).toMatchObject({
    executionArn: 'started one',
    startDate: new Date(5000),
  })
})

test('faults can be injected before any operation, also of forwarded services', async () => {
  const { world, config } = await start({
    intercept: ({ service, operation, record }) => {
      record.tag = 'fault'
      if (service === 'iam') throw new AwsError('Throttling', 'Rate exceeded')
      if (operation === 'GetItem') throw new AwsError('ProvisionedThroughputExceededException', 'slow down')
    },
  })
  await expect(new IAMClient(config()).send(new ListUsersCommand({}))).rejects.toMatchObject({
    name: 'Throttling',
    message: 'Rate exceeded',
  })
  await expect(
    new DynamoDBClient(config()).send(new GetItemCommand({ TableName: 'ledger', Key: {} })),
  ).rejects.toMatchObject({
    name: 'ProvisionedThroughputExceededException',
  })
  expect(world.calls.map(({ tag, error }) => [tag, error])).toEqual([
    ['fault', 'Throttling'],
    ['fault', 'ProvisionedThroughputExceededException'],
  ])
})

test('DynamoDB keeps items, and its own errors are on record', async () => {
  const { world, config } = await start()
  const dynamodb = new DynamoDBClient(config())
  await dynamodb.send(
    new CreateTableCommand({
      TableName: 'ledger',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  )
  const put = new PutItemCommand({
    TableName: 'ledger',
    Item: { id: { S: 'a' } },
    ConditionExpression: 'attribute_not_exists(id)',
  })
  await dynamodb.send(put)
  await expect(dynamodb.send(put)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException' })
  expect((await dynamodb.send(new GetItemCommand({ TableName: 'ledger', Key: { id: { S: 'a' } } }))).Item).toEqual({
    id: { S: 'a' },
  })
  expect(world.calls.map(({ error }) => error)).toEqual([
    undefined,
    undefined,
    'ConditionalCheckFailedException',
    undefined,
  ])
})

test('mails are caught with all their recipients, each by the endpoint to which it was sent', async () => {
  const { world, endpoint, config } = await start()
  const other = await start()
  await new SESClient(other.config()).send(mail('other@example.com', 'other@example.com'))
  const { MessageId } = await new SESClient(config()).send(
    mail('Vending <vending@example.com>', 'ada@example.com', 'bob@example.com'),
  )
  expect(await endpoint.mails()).toEqual([
    {
      function: 'create-admin-user',
      messageId: MessageId,
      from: 'Vending <vending@example.com>',
      to: ['ada@example.com', 'bob@example.com'],
      subject: 'Grüße & more',
      text: 'a+b=c\n',
      html: '<b>hi</b>',
      at: world.now(),
    },
  ])
})

test('a sender is verified by address or by domain', async () => {
  const { world, config } = await start()
  const ses = new SESClient(config())
  await expect(ses.send(mail('Eve <eve@elsewhere.org>', 'ada@example.com'))).rejects.toMatchObject({
    name: 'MessageRejected',
    message:
      'Email address is not verified. The following identities failed the check in region US-EAST-1: eve@elsewhere.org',
  })
  world.sesIdentities.add('eve@elsewhere.org')
  await ses.send(mail('eve@Elsewhere.org', 'ada@example.com'))
  await expect(ses.send(mail('Eve@elsewhere.org', 'ada@example.com'))).rejects.toMatchObject({
    name: 'MessageRejected',
  })
})

test('a mail can be sent with the identity of another account that allows it', async () => {
  const { world, endpoint, config } = await start()
  const ses = new SESClient(config())
  const { input } = mail('eve@elsewhere.org', 'ada@example.com')
  const granted = (identity: string) =>
    ses.send(new SendEmailCommand({ ...input, SourceArn: `arn:aws:ses:us-east-1:444455556666:identity/${identity}` }))
  await expect(granted('elsewhere.org')).rejects.toMatchObject({ name: 'AccessDenied' })
  world.sesGrants.add('arn:aws:ses:us-east-1:444455556666:identity/elsewhere.org')
  await granted('elsewhere.org')
  expect((await endpoint.mails()).at(-1)?.sourceArn).toBe('arn:aws:ses:us-east-1:444455556666:identity/elsewhere.org')
  await expect(granted('eve@elsewhere.org')).rejects.toMatchObject({ name: 'AccessDenied' })
})

test('a topic keeps its messages, and refuses what SNS refuses', async () => {
  const { world, config } = await start()
  const TopicArn = 'arn:aws:sns:us-east-1:111122223333:notices'
  world.topics.set(TopicArn, [])
  const publish = (more: object = {}) => {
    const MessageAttributes = { status: { DataType: 'String', StringValue: 'READY' } }
    return new SNSClient(config()).send(
      new PublishCommand({ TopicArn, Subject: 'Ready', Message: '{}', MessageAttributes, ...more }),
    )
  }
  expect((await publish()).MessageId).toMatch(/^[\da-f-]{36}$/)
  expect(world.topics.get(TopicArn)).toEqual([
    { subject: 'Ready', message: '{}', attributes: { status: 'READY' }, at: world.now() },
  ])
  await expect(publish({ TopicArn: `${TopicArn}-2` })).rejects.toMatchObject({ name: 'NotFoundException' })
  await expect(publish({ Subject: 'Zoë' })).rejects.toMatchObject({ name: 'InvalidParameterException' })
  await expect(publish({ Message: '' })).rejects.toMatchObject({ name: 'InvalidParameterException' })
  const empty = { status: { DataType: 'String', StringValue: '' } }
  await expect(publish({ MessageAttributes: empty })).rejects.toMatchObject({ name: 'InvalidParameterValueException' })
})

test('services with a REST protocol get answers in that protocol', async () => {
  const { world, config } = await start()
  const { AccountLimit } = await new LambdaClient(config()).send(new GetAccountSettingsCommand({}))
  expect(AccountLimit).toMatchObject({ ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 1000 })
  world.sesAccount.isInSandbox = true
  const { ProductionAccessEnabled, SendQuota } = await new SESv2Client(config()).send(new GetAccountCommand({}))
  expect({ ProductionAccessEnabled, SendQuota }).toMatchObject({
    ProductionAccessEnabled: false,
    SendQuota: { Max24HourSend: 50_000 },
  })
  await expect(new LambdaClient(config('555555555555')).send(new GetAccountSettingsCommand({}))).rejects.toMatchObject({
    name: 'AccessDeniedException',
  })
})

test('a connection can be broken, without an answer', async () => {
  const { config } = await start({
    intercept: () => {
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    },
  })
  await expect(new IAMClient(config()).send(new ListUsersCommand({}))).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test.each([
  [[], 'InvalidParameterValue'],
  [['ada@example.com', 'nonsense'], 'InvalidParameterValue'],
  [Array.from({ length: 51 }, (_, i) => `a${i}@example.com`), 'MessageRejected'],
])('a mail to %j is refused as %s', async (to, name) => {
  const { endpoint, config } = await start()
  await expect(new SESClient(config()).send(mail('vending@example.com', ...to))).rejects.toMatchObject({ name })
  expect(await endpoint.mails()).toEqual([])
})

test('a verified domain has a token, an address has none', async () => {
  const { world, config } = await start()
  world.sesIdentities.add('eve@elsewhere.org')
  const Identities = ['example.com', 'eve@elsewhere.org', 'nowhere.org']
  const { VerificationAttributes } = await new SESClient(config()).send(
    new GetIdentityVerificationAttributesCommand({ Identities }),
  )
  expect(VerificationAttributes).toEqual({
    'example.com': { VerificationStatus: 'Success', VerificationToken: expect.any(String) as string },
    'eve@elsewhere.org': { VerificationStatus: 'Success' },
  })
})

test('another AWS takes over a service, whatever the credentials', async () => {
  const upstream = createServer((_, response) =>
    response
      .writeHead(400, { 'content-type': 'text/xml' })
      .end('<ErrorResponse><Error><Code>FromUpstream</Code></Error></ErrorResponse>'),
  )
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
  const { world, config } = await start({
    upstreams: { iam: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` },
  })
  await expect(new IAMClient(config('AKIATHEIRS')).send(new ListUsersCommand({}))).rejects.toMatchObject({
    name: 'FromUpstream',
  })
  expect(world.calls).toMatchObject([{ service: 'iam', operation: 'ListUsers', error: 'FromUpstream' }])
  upstream.close()
})

test('an error without a code is answered as a proxy of AWS does, in any format', async () => {
  const { config } = await start({
    intercept: () => {
      throw new AwsError('', 'Service Unavailable', 503)
    },
  })
  const iam = new IAMClient(config()).send(new ListUsersCommand({}))
  await expect(iam).rejects.toMatchObject({ name: 'Unknown', $metadata: { httpStatusCode: 503 } })
  const secrets = new SecretsManagerClient(config()).send(new ListSecretsCommand({}))
  await expect(secrets).rejects.toMatchObject({ name: 'SyntaxError', $metadata: { httpStatusCode: 503 } })
})
