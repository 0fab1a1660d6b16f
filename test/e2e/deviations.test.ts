import { CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { CreateFunctionCommand, InvokeCommand } from '@aws-sdk/client-lambda'
import { CreateTableCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import {
  AttachUserPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateRoleCommand,
  CreateUserCommand,
  IAMClient,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUsersCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import { CreateAccountCommand, DescribeAccountCommand } from '@aws-sdk/client-organizations'
import { CreateSecretCommand, DeleteSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SendEmailCommand, SESClient, VerifyDomainIdentityCommand } from '@aws-sdk/client-ses'
import {
  CreateStateMachineCommand,
  DescribeExecutionCommand,
  GetExecutionHistoryCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { temporaryFolder } from '../support/folder.ts'
import { managementAccountId, ministack as program, region, startMiniStack } from './emulators.ts'
import { eventually } from './target.ts'

// Tests each row of docs/e2e.md on a MiniStack without the work-arounds. If a test fails, a newer MiniStack no longer
// deviates there: delete the row and its work-around.

const folder = temporaryFolder()
const ministack = await startMiniStack({}, { asItIs: true })
afterAll(() => ministack.stop())

const place = { region, endpoint: ministack.url }
const rootUser = { accessKeyId: managementAccountId, secretAccessKey: 'test' }
const clients = makeClients({ ...place, credentials: rootUser })
const iam = clients.iamOf(rootUser)

/** Creates a user who has only this permission. */
const userWho = async (permission: object) => {
  const UserName = randomUUID()
  await iam.send(new CreateUserCommand({ UserName }))
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...permission }] })
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'one', PolicyDocument }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
  const credentials = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
  return { ...place, credentials, maxAttempts: 1 }
}
type Setting = Awaited<ReturnType<typeof userWho>>
const denied = { name: expect.stringMatching(/AccessDenied/) as string }

await clients.ses.send(new VerifyDomainIdentityCommand({ Domain: 'example.com' }))
const sendMail = (user: Setting) =>
  new SESClient(user).send(
    new SendEmailCommand({
      Source: 'a@example.com',
      Destination: { ToAddresses: ['b@example.com'] },
      Message: { Subject: { Data: 'a' }, Body: { Text: { Data: 'a' } } },
    }),
  )

/** Creates the role of the function and the workflow below. */
const makeRole = async () => {
  const document = (statement: object) =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] })
  const Service = ['lambda.amazonaws.com', 'states.amazonaws.com']
  const RoleName = 'failing'
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName,
      AssumeRolePolicyDocument: document({ Action: 'sts:AssumeRole', Principal: { Service } }),
    }),
  )
  const PolicyDocument = document({ Action: 'lambda:InvokeFunction', Resource: '*' })
  await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'invoke', PolicyDocument }))
  return Role?.Arn
}

const failingFunction = async (Role: string | undefined) => {
  const [source, zip] = [path.join(folder, 'handler.js'), path.join(folder, 'handler.zip')]
  writeFileSync(source, `exports.handler = async () => { throw Object.assign(new Error('why'), { name: 'OurError' }) }`)
  execFileSync('python3', ['-m', 'zipfile', '-c', zip, source])
  return clients.lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'failing',
      Runtime: 'nodejs24.x',
      Handler: 'handler.handler',
      Role,
      Code: { ZipFile: readFileSync(zip) },
    }),
  )
}

const failingExecution = async (functionArn: string | undefined, roleArn: string | undefined) => {
  const fail = { StartAt: 'Fail', States: { Fail: { Type: 'Task', Resource: functionArn, End: true } } }
  const each = {
    Type: 'Map',
    ItemsPath: '$',
    ItemProcessor: { ProcessorConfig: { Mode: 'INLINE' }, ...fail },
    End: true,
  }
  const { stateMachineArn } = await clients.sfn.send(
    new CreateStateMachineCommand({
      name: 'failing',
      roleArn,
      definition: JSON.stringify({ StartAt: 'Each', States: { Each: each } }),
    }),
  )
  const { executionArn } = await clients.sfn.send(new StartExecutionCommand({ stateMachineArn, input: '[1]' }))
  await eventually('the execution fails', async () => {
    const { status } = await clients.sfn.send(new DescribeExecutionCommand({ executionArn }))
    return status === 'FAILED' ? status : undefined
  })
  return executionArn
}

const roleArn = await makeRole()
const { FunctionArn } = await failingFunction(roleArn)
const executionArn = await failingExecution(FunctionArn, roleArn)

/** Tests of the deviations, by the names of their rows. */
const deviations: Record<string, () => Promise<void>> = {
  'Error names': async () => {
    const { Payload } = await clients.lambda.send(new InvokeCommand({ FunctionName: 'failing' }))
    expect(JSON.parse(Payload?.transformToString() ?? '')).toMatchObject({ errorType: 'Runtime.HandlerError' })
  },

  'Resources of IAM': async () => {
    const groups = `arn:aws:iam::${managementAccountId}:group`
    const create = (user: Setting) =>
      new IAMClient(user).send(new CreateGroupCommand({ GroupName: 'a', Path: '/ours/' }))
    const Action = 'iam:CreateGroup'
    await expect(create(await userWho({ Action, Resource: `${groups}/ours/*` }))).rejects.toMatchObject(denied)
    expect(await create(await userWho({ Action, Resource: `${groups}/a` }))).toBeTruthy()
  },

  'Resources of SES': async () => {
    const Resource = `arn:aws:ses:${region}:${managementAccountId}:identity/*`
    const Action = 'ses:SendEmail'
    await expect(sendMail(await userWho({ Action, Resource }))).rejects.toMatchObject(denied)
    expect(await sendMail(await userWho({ Action, Resource: '*' }))).toBeTruthy()
  },

  'Condition keys': async () => {
    const PolicyArn = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
    await iam.send(new CreateUserCommand({ UserName: 'somebody' }))
    const attach = new AttachUserPolicyCommand({ UserName: 'somebody', PolicyArn })
    const put = new PutEventsCommand({ Entries: [{ Source: 'ours', DetailType: 'a', Detail: '{}' }] })
    const TableName = 'table'
    await clients.dynamodb.send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      }),
    )
    await clients.secrets.send(new CreateSecretCommand({ Name: 'to-delete', SecretString: 'a' }))
    const putItem = new PutItemCommand({ TableName, Item: { pk: { S: 'a' } } })
    const cases: [Action: string, key: string, value: string, ask: (user: Setting) => Promise<object>][] = [
      ['ses:SendEmail', 'ses:FromAddress', 'a@example.com', sendMail],
      ['iam:AttachUserPolicy', 'iam:PolicyARN', PolicyArn, (user) => new IAMClient(user).send(attach)],
      ['dynamodb:PutItem', 'dynamodb:LeadingKeys', 'a', (user) => new DynamoDBClient(user).send(putItem)],
      ['events:PutEvents', 'events:source', 'ours', (user) => new EventBridgeClient(user).send(put)],
      [
        'secretsmanager:DeleteSecret',
        'secretsmanager:RecoveryWindowInDays',
        '7',
        (user) =>
          new SecretsManagerClient(user).send(
            new DeleteSecretCommand({ SecretId: 'to-delete', RecoveryWindowInDays: 7 }),
          ),
      ],
      // Both values of this condition are the organization of this account.
      [
        'iam:ListUsers',
        'aws:ResourceOrgID',
        '${aws:PrincipalOrgID}',
        (user) => new IAMClient(user).send(new ListUsersCommand({})),
      ],
    ]
    for (const [Action, key, value, ask] of cases) {
      const Condition = { StringEquals: { [key]: value } }
      await expect(ask(await userWho({ Action, Resource: '*', Condition })), key).rejects.toMatchObject(denied)
      expect(await ask(await userWho({ Action, Resource: '*' })), key).toBeTruthy()
    }
  },

  'Alarms of an expression': async () => {
    const Metric = { Namespace: 'AWS/States', MetricName: 'ExecutionsFailed' }
    const Properties = {
      Metrics: [
        { Id: 'all', Expression: 'FILL(failed, 0)' },
        { Id: 'failed', ReturnData: false, MetricStat: { Metric, Period: 300, Stat: 'Sum' } },
      ],
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
    }
    const TemplateBody = JSON.stringify({ Resources: { Alarm: { Type: 'AWS::CloudWatch::Alarm', Properties } } })
    await clients.cloudFormation.send(new CreateStackCommand({ StackName: 'alarm', TemplateBody }))
    const status = await eventually('the stack is there or not', async () => {
      const { Stacks } = await clients.cloudFormation.send(new DescribeStacksCommand({ StackName: 'alarm' }))
      const found = Stacks?.[0]?.StackStatus
      return found?.endsWith('_IN_PROGRESS') ? undefined : found
    })
    expect(status).toMatch(/ROLLBACK_COMPLETE|FAILED/)
  },

  'Other credentials': async () => {
    const UserName = randomUUID()
    await iam.send(new CreateUserCommand({ UserName }))
    const unknown = { name: 'InvalidAction' }
    await expect(iam.send(new ListSigningCertificatesCommand({ UserName }))).rejects.toMatchObject(unknown)
    await expect(iam.send(new ListSSHPublicKeysCommand({ UserName }))).rejects.toMatchObject(unknown)
    await expect(iam.send(new ListServiceSpecificCredentialsCommand({ UserName }))).rejects.toMatchObject(unknown)
  },

  'Events of AWS': async () => {
    const entry = { Source: 'aws.organizations', DetailType: 'a', Detail: '{}' }
    const { Entries } = await clients.events.send(new PutEventsCommand({ Entries: [entry] }))
    expect(Entries?.[0]?.ErrorCode).toBe('NotAuthorizedForSourceException')
  },

  Redrive: async () => {
    const redriven = clients.sfn.send(new RedriveExecutionCommand({ executionArn }))
    await expect(redriven).rejects.toMatchObject({ name: 'InvalidAction' })
  },

  'Execution history': async () => {
    const { events = [] } = await clients.sfn.send(new GetExecutionHistoryCommand({ executionArn }))
    const types = events.map(({ type }) => type)
    expect(types).toContain('TaskFailed')
    expect(types).not.toContain('LambdaFunctionFailed')
    expect(types).not.toContain('MapIterationStarted')
  },

  'Accounts of an organization': async () => {
    const { CreateAccountStatus } = await clients.organizations.send(
      new CreateAccountCommand({ AccountName: 'a', Email: 'a@example.com' }),
    )
    const { AccountId = '' } = CreateAccountStatus ?? {}
    const { Account } = await clients.organizations.send(new DescribeAccountCommand({ AccountId }))
    expect(Account).toMatchObject({ Status: 'ACTIVE' })
    expect(Account?.State).toBeUndefined()
    const RoleArn = `arn:aws:iam::${AccountId}:role/OrganizationAccountAccessRole`
    const assumed = clients.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'a' }))
    await expect(assumed).rejects.toMatchObject(denied)
  },

  'Policies of a new role': async () => {
    const user = await userWho({ Action: 'sts:AssumeRole', Resource: '*' })
    const RoleName = 'new'
    const document = (statement: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...statement }] })
    const Principal = { AWS: `arn:aws:iam::${managementAccountId}:root` }
    const { Role } = await iam.send(
      new CreateRoleCommand({
        RoleName,
        AssumeRolePolicyDocument: document({ Action: 'sts:AssumeRole', Principal }),
      }),
    )
    const PolicyDocument = document({ Action: 'iam:ListUsers', Resource: '*' })
    await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName: 'list', PolicyDocument }))
    const { Credentials } = await new STSClient(user).send(
      new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: 'a' }),
    )
    const session = {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
    expect(await clients.iamOf(session).send(new ListUsersCommand({}))).toBeTruthy()
  },

  'Conditions after a join': async () => {
    // The key is unknown, so that no time changes whether the condition holds.
    const list = async (operator: string) => {
      const Condition = { [operator]: { 'aws:ResourceOrgID': 'o-exampleorgid' } }
      const user = await userWho({ Action: 'iam:ListUsers', Resource: '*', Condition })
      return new IAMClient(user).send(new ListUsersCommand({}))
    }
    await expect(list('StringEquals')).rejects.toMatchObject(denied)
    expect(await list('StringNotEquals')).toBeTruthy()
  },

  'Keys of secrets': async () => {
    const secret = new CreateSecretCommand({ Name: 'a', SecretString: 'a', KmsKeyId: 'alias/that-is-not-there' })
    expect((await clients.secrets.send(secret)).ARN).toBeTruthy()
  },
}

describe('MiniStack still deviates:', () => {
  test.for(Object.entries(deviations))('%s', async ([, deviates]) => deviates())

  test('the table in docs/e2e.md has exactly these rows', () => {
    const table = readFileSync(path.join(import.meta.dirname, '../../docs/e2e.md'), 'utf8')
    expect(table).toContain(`| MiniStack ${program.version} `)
    const rows = [...table.matchAll(/^\| ([^|]+?) +\|/gm)].map(([, name = '']) => name)
    expect(rows.filter((name) => !/^(What|-+)$/.test(name))).toEqual(Object.keys(deviations))
  })
})
