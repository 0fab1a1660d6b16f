import { AccountClient } from '@aws-sdk/client-account'
import { CloudFormationClient, CreateStackCommand } from '@aws-sdk/client-cloudformation'
import {
  CloudTrailClient,
  CreateTrailCommand,
  PutEventSelectorsCommand,
  StartLoggingCommand,
} from '@aws-sdk/client-cloudtrail'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient, PutRuleCommand } from '@aws-sdk/client-eventbridge'
import * as IAM from '@aws-sdk/client-iam'
import { LambdaClient } from '@aws-sdk/client-lambda'
import * as Organizations from '@aws-sdk/client-organizations'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SESClient, VerifyDomainIdentityCommand } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn'
import { CreateTopicCommand, SNSClient } from '@aws-sdk/client-sns'
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { startClock } from '../../local/clock.ts'
import { cloudFormation } from '../../local/aws/cloudformation.ts'
import { createLedger } from '../../local/create-ledger.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { eventBridge } from '../../local/aws/eventbridge.ts'
import { concurrencyOperation, invokeOperation } from '../../local/aws/lambda.ts'
import { startQueue } from '../../local/aws/sqs.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'
import type { Moto } from './moto.ts'

type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
type Command<Out> = { resolveMiddleware: (...given: never[]) => (...given: never[]) => Promise<{ output: Out }> }
type Refusal = { refused?: string; Reason?: string }

/** Sends a command and returns the answer. A refusal is an answer too: the name of the SDK's error, and HTTP status. */
const asking =
  (client: { send: (command: never) => Promise<unknown> }) =>
  async <Out extends object>(command: Command<Out>): Promise<Partial<Out> & Refusal> => {
    try {
      const { $metadata: _, ...answer } = (await client.send(command as never)) as Record<string, unknown>
      return answer as Partial<Out>
    } catch (error) {
      const { name, $metadata, Reason } = error as Error & { $metadata?: { httpStatusCode?: number }; Reason?: string }
      return {
        refused: `${name} ${$metadata?.httpStatusCode ?? '(no answer)'}`,
        ...(Reason && { Reason }),
      } as Partial<Out> & Refusal
    }
  }

const clients = (endpoint: string, credentials: Credentials) => {
  const config = { endpoint, region: 'us-east-1', credentials, maxAttempts: 1 }
  const dynamodb = new DynamoDBClient(config)
  return {
    iam: asking(new IAM.IAMClient(config)),
    sts: asking(new STSClient(config)),
    organizations: asking(new Organizations.OrganizationsClient(config)),
    account: asking(new AccountClient(config)),
    secretsmanager: asking(new SecretsManagerClient(config)),
    ses: asking(new SESClient(config)),
    sesv2: asking(new SESv2Client(config)),
    events: asking(new EventBridgeClient(config)),
    cloudtrail: asking(new CloudTrailClient(config)),
    cloudformation: asking(new CloudFormationClient(config)),
    lambda: asking(new LambdaClient(config)),
    states: asking(new SFNClient(config)),
    sns: asking(new SNSClient(config)),
    sqs: asking(new SQSClient({ ...config, useQueueUrlAsEndpoint: false })),
    dynamodb: asking(dynamodb),
    /** For the functions of functions/shared/record-and-lease.ts, whose DynamoDB expressions the scenarios test. */
    ledger: { dynamodb, tableName: 'ledger' },
  }
}

/** What both sides offer: an organization with a management account, member accounts, and the scenarios' resources. */
export type Aws = ReturnType<typeof clients> & {
  managementAccountId: string
  /** The member account in which `iam` acts. */
  accountId: string
  /** A member account in an organizational unit. */
  accountInUnit: string
  unitId: string
  /** `iam` in a member account whose password policy asks for 20 characters with a symbol and an upper-case letter. */
  iamOfStrict: ReturnType<typeof clients>['iam']
  /** Clients with a member account's credentials. */
  ofMember: ReturnType<typeof clients>
  stateMachineArn: string
  /** A service control policy of the organizational unit above. */
  policyId: string
  /** The URL of a queue that is empty when a case begins. Each case must empty the queue again. */
  queueUrl: string
  topicArn: string
  /** Creates a customer-managed policy in the member account. Returns the policy's ARN. */
  addPolicy: (name: string, document: string) => Promise<string>
  /** Advances the clock, on the side that has a clock to advance. */
  later: (seconds: number) => void
}

export const serviceControlPolicy = {
  Version: '2012-10-17',
  Statement: [{ Effect: 'Deny', Action: 'iam:CreateUser', Resource: '*' }],
}
/** Both sides have a stack and rules of these names, and an organization trail. */
export const stackName = 'conformance'
export const ruleNames = ['conformance-a', 'conformance-b', 'other']
const rulePattern = { source: ['aws.organizations'] }
export const trailName = 'organization-trail'
const eventSelectors = [
  {
    ReadWriteType: 'All' as const,
    IncludeManagementEvents: true,
    DataResources: [],
    ExcludeManagementEventSources: [],
  },
]

const queueName = 'conformance'
export const roleName = 'OrganizationAccountAccessRole'
/** The password policy of the account that `iamOfStrict` is in. */
export const passwordPolicy = { MinimumPasswordLength: 20, RequireSymbols: true, RequireUppercaseCharacters: true }

/** The execution's input decides whether the workflow succeeds, waits or fails. */
const definition = {
  StartAt: 'What',
  States: {
    What: {
      Type: 'Choice',
      Choices: [
        { Variable: '$.do', StringEquals: 'wait', Next: 'Wait' },
        { Variable: '$.do', StringEquals: 'fail', Next: 'Fail' },
      ],
      Default: 'Succeed',
    },
    Wait: { Type: 'Wait', Seconds: 3, Next: 'Succeed' },
    Fail: { Type: 'Fail', Error: 'OurError', Cause: 'because' },
    Succeed: { Type: 'Pass', Result: { done: true }, End: true },
  },
}

const memberCredentials = async (sts: ReturnType<typeof clients>['sts'], accountId: string) => {
  const { Credentials, refused } = await sts(
    new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${accountId}:role/${roleName}`, RoleSessionName: 'conformance' }),
  )
  if (!Credentials) throw new Error(`The role of ${accountId} cannot be assumed: ${refused}`)
  return {
    accessKeyId: Credentials.AccessKeyId ?? '',
    secretAccessKey: Credentials.SecretAccessKey ?? '',
    sessionToken: Credentials.SessionToken ?? '',
  }
}

/** Starts the local organization. The scenarios control its clock. */
export const startLocal = async () => {
  const clock = manualClock()
  const world = createWorld(clock)
  const realClock = startClock(1)
  const { managementAccountId, region } = world
  const stateMachineArn = `arn:aws:states:${region}:${managementAccountId}:stateMachine:conformance`
  const stepFunctions = startStepFunctions({
    definition,
    stateMachineArn,
    clock: realClock,
    invoke: async () => undefined,
    onProgress: () => {},
    onEnd: () => {},
  })
  world.trails = [
    { name: trailName, homeRegion: region, isMultiRegion: true, isOrganization: true, isLogging: true, eventSelectors },
  ]
  const topicArn = `arn:aws:sns:${region}:${managementAccountId}:conformance`
  world.topics.set(topicArn, [])
  world.trustedServices.add('account.amazonaws.com')
  world.managesRootCredentials = true
  const operations = {
    events: eventBridge({
      putEvent: () => {},
      rules: () => ruleNames.map((name) => ({ name, enabled: name !== 'other', pattern: rulePattern })),
    }),
    cloudformation: cloudFormation({
      stackName,
      stackId: `arn:aws:cloudformation:${region}:${managementAccountId}:stack/${stackName}/local`,
      createdAt: clock.now(),
      outputs: { Name: 'value' },
    }),
    states: stepFunctions.operations,
    sqs: startQueue({ now: clock.now, queueName }).operations,
    lambda: {
      ...invokeOperation({ nameOf: () => undefined, invoke: async () => undefined }),
      ...concurrencyOperation(() => undefined),
    },
  }
  const endpoint = await startEndpoint(world, { operations })
  const own = clients(endpoint.url, { accessKeyId: managementAccountId, secretAccessKey: 'local' })
  await createLedger(own.ledger.dynamodb, own.ledger.tableName)
  const member = addAccount(world, { name: 'Member' })
  const strict = addAccount(world, { name: 'Strict' })
  strict.passwordPolicy = passwordPolicy
  const inUnit = [...world.accounts.values()].find(({ parentId }) => parentId !== world.rootId)!
  const policyId = 'p-conformance'
  world.serviceControlPolicies.push({
    id: policyId,
    name: 'Deny',
    document: serviceControlPolicy,
    targets: [inUnit.parentId],
  })
  const ofMember = clients(endpoint.url, await memberCredentials(own.sts, member.id))

  const aws: Aws = {
    ...own,
    managementAccountId,
    accountId: member.id,
    accountInUnit: inUnit.id,
    unitId: inUnit.parentId,
    iam: ofMember.iam,
    iamOfStrict: clients(endpoint.url, await memberCredentials(own.sts, strict.id)).iam,
    ofMember,
    stateMachineArn,
    policyId,
    topicArn,
    queueUrl: `https://sqs.${region}.amazonaws.com/${managementAccountId}/${queueName}`,
    addPolicy: async (name, document) => {
      const arn = `arn:aws:iam::${member.id}:policy/${name}`
      member.policies.set(arn, { name, document })
      return arn
    },
    later: clock.advance,
  }
  return { aws, operations, world, close: endpoint.close }
}

/** Brings moto to the same state through its API. */
export const prepareMoto = async ({ url, loadNoMorePolicies }: Moto): Promise<Aws> => {
  await fetch(`${url}/moto-api/config`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ stepfunctions: { execute_state_machine: true } }),
  })
  const own = clients(url, { accessKeyId: 'management', secretAccessKey: 'moto' })
  const { Organization } = await own.organizations(new Organizations.CreateOrganizationCommand({ FeatureSet: 'ALL' }))
  const create = async (name: string) => {
    const { CreateAccountStatus } = await own.organizations(
      new Organizations.CreateAccountCommand({ AccountName: name, Email: `${name.toLowerCase()}@example.com` }),
    )
    return CreateAccountStatus?.AccountId ?? ''
  }
  const [accountId, strictId, accountInUnit] = [await create('Member'), await create('Strict'), await create('Audit')]
  loadNoMorePolicies()
  const { Roots } = await own.organizations(new Organizations.ListRootsCommand({}))
  const rootId = Roots?.[0]?.Id
  const { OrganizationalUnit } = await own.organizations(
    new Organizations.CreateOrganizationalUnitCommand({ ParentId: rootId, Name: 'Security' }),
  )
  const unitId = OrganizationalUnit?.Id ?? ''
  await own.organizations(
    new Organizations.MoveAccountCommand({
      AccountId: accountInUnit,
      SourceParentId: rootId,
      DestinationParentId: unitId,
    }),
  )
  await own.organizations(
    new Organizations.EnablePolicyTypeCommand({ RootId: rootId, PolicyType: 'SERVICE_CONTROL_POLICY' }),
  )
  const { Policy } = await own.organizations(
    new Organizations.CreatePolicyCommand({
      Name: 'Deny',
      Description: 'ours',
      Type: 'SERVICE_CONTROL_POLICY',
      Content: JSON.stringify(serviceControlPolicy),
    }),
  )
  const policyId = Policy?.PolicySummary?.Id ?? ''
  await own.organizations(new Organizations.AttachPolicyCommand({ PolicyId: policyId, TargetId: unitId }))
  for (const ServicePrincipal of ['cloudtrail.amazonaws.com', 'account.amazonaws.com'])
    await own.organizations(new Organizations.EnableAWSServiceAccessCommand({ ServicePrincipal }))
  // Creates the trail's bucket without an SDK client, because S3's client is no dependency.
  await fetch(`${url}/conformance`, { method: 'PUT' })
  await own.cloudtrail(
    new CreateTrailCommand({
      Name: trailName,
      S3BucketName: 'conformance',
      IsMultiRegionTrail: true,
      IsOrganizationTrail: true,
    }),
  )
  await own.cloudtrail(new PutEventSelectorsCommand({ TrailName: trailName, EventSelectors: eventSelectors }))
  await own.cloudtrail(new StartLoggingCommand({ Name: trailName }))
  for (const Name of ruleNames)
    await own.events(
      new PutRuleCommand({
        Name,
        EventPattern: JSON.stringify(rulePattern),
        State: Name === 'other' ? 'DISABLED' : 'ENABLED',
      }),
    )
  await own.cloudformation(
    new CreateStackCommand({
      StackName: stackName,
      TemplateBody: JSON.stringify({
        Resources: { Queue: { Type: 'AWS::SQS::Queue' } },
        Outputs: { Name: { Value: 'value' } },
      }),
    }),
  )
  await own.ses(new VerifyDomainIdentityCommand({ Domain: 'example.com' }))
  await createLedger(own.ledger.dynamodb, own.ledger.tableName)
  const { stateMachineArn = '' } = await own.states(
    new CreateStateMachineCommand({
      name: 'conformance',
      roleArn: 'arn:aws:iam::123456789012:role/conformance',
      definition: JSON.stringify(definition),
    }),
  )
  const { QueueUrl: queueUrl = '' } = await own.sqs(new CreateQueueCommand({ QueueName: queueName }))
  const { TopicArn: topicArn = '' } = await own.sns(new CreateTopicCommand({ Name: 'conformance' }))
  const ofMember = clients(url, await memberCredentials(own.sts, accountId))
  const iamOfStrict = clients(url, await memberCredentials(own.sts, strictId)).iam
  await iamOfStrict(new IAM.UpdateAccountPasswordPolicyCommand(passwordPolicy))
  return {
    ...own,
    managementAccountId: Organization?.MasterAccountId ?? '',
    accountId,
    accountInUnit,
    unitId,
    iam: ofMember.iam,
    iamOfStrict,
    ofMember,
    stateMachineArn,
    policyId,
    queueUrl,
    topicArn,
    addPolicy: async (name, document) => {
      const { Policy } = await ofMember.iam(new IAM.CreatePolicyCommand({ PolicyName: name, PolicyDocument: document }))
      return Policy?.Arn ?? ''
    },
    later: () => {},
  }
}
