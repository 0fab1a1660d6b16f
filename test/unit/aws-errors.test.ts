import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { GetUserCommand, IAMClient } from '@aws-sdk/client-iam'
import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendEmailCommand, SESClient } from '@aws-sdk/client-ses'
import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nameConnectionFailure } from '../../functions/shared/aws-errors.ts'
import { AwsUnreachableError } from '../../functions/shared/errors.ts'
import { awsError } from '../support/builders.ts'

// What a proxy or a load balancer of AWS answers has no error name of the service. The real SDK reads these answers.

let answer: { status: number; type?: string; body: string }
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response.writeHead(answer.status, answer.type ? { 'content-type': answer.type } : {})
    response.end(answer.body)
  })
})
let config: { endpoint: string; region: string; maxAttempts: number; credentials: object } & Record<string, unknown>
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  config = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
  }
})
afterAll(() => void server.close())

const mail = { Source: 'a@example.com', Destination: {}, Message: { Subject: { Data: '' }, Body: {} } }
const role = { RoleArn: 'arn:aws:iam::444455556666:role/any', RoleSessionName: 'any' }
const calls: [service: string, call: () => Promise<unknown>][] = [
  ['DynamoDB', () => new DynamoDBClient(config as never).send(new GetItemCommand({ TableName: 'any', Key: {} }))],
  ['EventBridge', () => new EventBridgeClient(config as never).send(new PutEventsCommand({ Entries: [{}] }))],
  ['IAM', () => new IAMClient(config as never).send(new GetUserCommand({}))],
  [
    'Organizations',
    () => new OrganizationsClient(config as never).send(new DescribeAccountCommand({ AccountId: '444455556666' })),
  ],
  [
    'Secrets Manager',
    () => new SecretsManagerClient(config as never).send(new GetSecretValueCommand({ SecretId: 'any' })),
  ],
  ['SES', () => new SESClient(config as never).send(new SendEmailCommand(mail))],
  [
    'Step Functions',
    () => new SFNClient(config as never).send(new DescribeExecutionCommand({ executionArn: 'arn:any' })),
  ],
  ['STS', () => new STSClient(config as never).send(new AssumeRoleCommand(role))],
]
const nameless = [
  { status: 500, body: '' },
  { status: 502, body: 'Bad Gateway' },
  { status: 503, type: 'text/html', body: '<html><body><h1>503 Service Unavailable</h1></body></html>' },
  { status: 504, type: 'application/json', body: '{"message":"Endpoint request timed out"}' },
]

describe.each(calls)('%s', (_, call) => {
  test.each(nameless)('a passing failure without a name gets a name: $status $body', async (given) => {
    answer = given
    const named = nameConnectionFailure(await call().catch((error: unknown) => error))
    expect(named).toBeInstanceOf(AwsUnreachableError)
    expect((named as Error).message).toMatch(new RegExp(`^No answer from AWS \\(HTTP ${given.status}\\)`))
  })

  test('a refusal without a name stays as it is: a retry cannot help', async () => {
    answer = { status: 413, body: '' }
    const error = await call().catch((error: unknown) => error)
    expect(error).toBeInstanceOf(Error)
    expect(nameConnectionFailure(error)).toBe(error)
  })
})

test('an error that AWS named keeps its name', () => {
  const error = Object.assign(awsError('ServiceFailureException'), { $metadata: { httpStatusCode: 500 } })
  expect(nameConnectionFailure(error)).toBe(error)
})

test('an error of ours with a name of Node’s stays as it is', () => {
  const error = new SyntaxError('Unexpected end of JSON input')
  expect(nameConnectionFailure(error)).toBe(error)
})

// Every code under which the SDK tries again (NODEJS_TIMEOUT_ERROR_CODES and NODEJS_NETWORK_ERROR_CODES).
test.each([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])('the broken connection %s gets a name', (code) => {
  expect(nameConnectionFailure(Object.assign(new Error('broken'), { code }))).toBeInstanceOf(AwsUnreachableError)
})
