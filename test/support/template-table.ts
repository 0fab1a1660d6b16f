import { expect } from 'vitest'

// What the packaged template must say, resource by resource, so that no change of it stays unseen. The names are
// CloudFormation's. A reference is written as in Fn::Sub: ${Name} or ${Name.Attribute}. Rules, keys, roles and alarms
// are in template-watch.ts.

export type Said = { Type: string; Properties: Record<string, unknown> } & Record<string, unknown>
export type Table = Record<string, Said>

/** The settings of vending.yml that the table is about. No two have the same value. */
export const tableVending = {
  automatic: 'organizations',
  accessRole: 'TheAccessRole',
  sender: 'Account Vending <the-sender@example.com>',
  configurationSet: 'the-configuration-set',
  notify: ['first@example.com', 'second@example.com'],
  secretReaders: ['arn:aws:iam::111122223333:role/reader', 'arn:aws:iam::111122223333:user/reader'],
  operators: ['arn:aws:iam::111122223333:role/operator', 'arn:aws:iam::444455556666:role/operator'],
  requesters: ['arn:aws:iam::111122223333:role/requester'],
  approvers: ['arn:aws:iam::555566667777:role/approver'],
}

/** Writes CloudFormation's functions as the table does. */
export const said = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(said)
  if (typeof value !== 'object' || value === null) return value
  const [[name, content] = ['', undefined], ...more] = Object.entries(value as Record<string, unknown>)
  if (!more.length) {
    if (name === 'Ref') return `\${${String(content)}}`
    if (name === 'Fn::GetAtt') return `\${${[content].flat().join('.')}}`
    if (name === 'Fn::Sub' && typeof content === 'string') return content
    if (name === 'Fn::Join') {
      const [separator, parts] = content as [string, unknown[]]
      return parts.map(said).join(separator)
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, said(content)]))
}

export const ours = 'account-vending-local'
export const self = '${AWS::AccountId}'
export const here = `\${AWS::Region}:${self}`
export const accountRoot = `arn:\${AWS::Partition}:iam::${self}:root`
export const kept = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' }
export const policy = (...Statement: object[]) => ({ Version: '2012-10-17', Statement })
const withKey = <Value>(names: string[], make: (name: string) => [key: string, value: Value]) =>
  Object.fromEntries(names.map(make))

// Functions and their logs

type Fn = { Timeout: number; environment: object; more?: object }
const fn = (environment: object = {}, Timeout = 60): Fn => ({ Timeout, environment })
const workflowByName = {
  STATE_MACHINE_ARN: `arn:\${AWS::Partition}:states:${here}:stateMachine:${ours}`,
}
const mailing = { CONFIGURATION_SET: tableVending.configurationSet }
const noticing = { ...workflowByName, ...mailing }
const entering = { ACCESS_ROLE_NAME: tableVending.accessRole }
const functions: Record<string, Fn> = {
  AcceptRequest: fn(),
  OpenAccount: fn(entering),
  AwaitAccount: fn(),
  PlaceAccount: fn(),
  CreateAdminGroup: fn(entering),
  StorePassword: fn({ PASSWORD_KEY_ARN: '${PasswordKey.Arn}' }),
  CreateAdminUser: fn(entering),
  SendLoginEmail: fn({
    LINK_URL: 'https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}/link',
    ...mailing,
  }),
  SealPassword: fn(),
  RecordVended: fn(),
  RemoveAdministrators: fn({ ...entering, PASSWORD_KEY_ARN: '${PasswordKey.Arn}' }),
  // Everybody can call this function. A flood of calls must not take the sandboxes of the others.
  ClaimLink: { ...fn({}, 10), more: { ReservedConcurrentExecutions: 5 } },
  ReportClaim: fn(noticing),
  RecordMailEvent: fn(noticing),
  ReportFailure: fn(noticing),
  TellSubscribers: fn({ NOTICES_TOPIC: '${NoticesTopic}' }),
  Sweep: fn(noticing, 900),
  LookAtAccounts: fn({ ...entering, ...workflowByName }, 600),
  AuditRootCredentials: fn({}, 600),
  FollowUp: fn(noticing, 300),
  ReportRound: fn(mailing, 900),
  // API Gateway waits 30 seconds for an answer.
  RequestAdmins: fn(workflowByName, 25),
  RequestAccount: fn({ ...noticing, OPERATOR_ROLE: '${OperatorRole}' }, 25),
  GetRequest: fn({}, 25),
  DecideRequest: fn(workflowByName, 25),
  ListAccounts: fn({}, 25),
  GetAccount: fn({}, 25),
}
export const functionNames = Object.keys(functions)
const camel = (name: string) => name.charAt(0).toLowerCase() + name.slice(1)
const folder = (name: string) => name.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()

const lambdaFunction = (name: string, { Timeout, environment, more }: Fn): Said => ({
  Type: 'AWS::Lambda::Function',
  Properties: {
    FunctionName: `${ours}-${camel(name)}`,
    Handler: `functions/${folder(name)}/handler.handler`,
    Code: {
      S3Bucket: '${ServerlessDeploymentBucket}',
      S3Key: expect.stringMatching(new RegExp(`/${camel(name)}\\.zip$`)) as unknown,
    },
    Runtime: 'nodejs24.x',
    Architectures: ['arm64'],
    MemorySize: 512,
    Timeout,
    Role: `\${${name}Role.Arn}`,
    TracingConfig: { Mode: 'Active' },
    ...more,
    // No other variable: Powertools, for example, logs whole events if a variable says so.
    Environment: {
      Variables: { LEDGER_TABLE: '${Ledger}', POWERTOOLS_SERVICE_NAME: 'account-vending', ...environment },
    },
  },
})

const logGroup = (LogGroupName: string): Said => ({
  Type: 'AWS::Logs::LogGroup',
  Properties: { LogGroupName, RetentionInDays: 90, KmsKeyId: '${LogKey.Arn}' },
})

export const permission = (name: string, caller: object): Said => ({
  Type: 'AWS::Lambda::Permission',
  Properties: { FunctionName: `\${${name}LambdaFunction.Arn}`, Action: 'lambda:InvokeFunction', ...caller },
})
const byApi = {
  Principal: 'apigateway.amazonaws.com',
  SourceArn: `arn:\${AWS::Partition}:execute-api:${here}:\${HttpApi}/*`,
}

// The API

const route = (name: string, RouteKey: string, authorization: object = { AuthorizationType: 'AWS_IAM' }): Said => ({
  Type: 'AWS::ApiGatewayV2::Route',
  Properties: {
    ApiId: '${HttpApi}',
    RouteKey,
    Target: `integrations/\${HttpApiIntegration${name}}`,
    ...authorization,
  },
})
const integration = (name: string): Said => ({
  Type: 'AWS::ApiGatewayV2::Integration',
  Properties: {
    ApiId: '${HttpApi}',
    IntegrationType: 'AWS_PROXY',
    IntegrationUri: `\${${name}LambdaFunction.Arn}`,
    PayloadFormatVersion: '2.0',
    TimeoutInMillis: 30_000,
  },
})
/** The functions of the routes whose callers sign their requests. */
const signedFunctions = ['RequestAdmins', 'RequestAccount', 'GetRequest', 'DecideRequest', 'ListAccounts', 'GetAccount']
/** The routes that everybody can call. */
export const openRoutes = ['GET /link', 'HEAD /link', 'POST /link/claim', 'POST /link/disown']
const api: Table = {
  HttpApi: {
    Type: 'AWS::ApiGatewayV2::Api',
    Properties: { Name: 'local-account-vending', ProtocolType: 'HTTP', DisableExecuteApiEndpoint: false },
  },
  HttpApiLogGroup: logGroup(`/aws/http-api/${ours}`),
  HttpApiStage: {
    Type: 'AWS::ApiGatewayV2::Stage',
    Properties: {
      ApiId: '${HttpApi}',
      StageName: '$default',
      AutoDeploy: true,
      DefaultRouteSettings: { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 },
      RouteSettings: {
        'POST /accounts': { ThrottlingBurstLimit: 200, ThrottlingRateLimit: 50 },
        ...withKey(openRoutes, (key) => [key, { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 }]),
      },
      AccessLogSettings: {
        DestinationArn: '${HttpApiLogGroup.Arn}',
        Format: JSON.stringify({
          time: '$context.requestTime',
          request: '$context.requestId',
          route: '$context.routeKey',
          path: '$context.path',
          caller: '$context.identity.userArn',
          status: '$context.status',
          error: '$context.error.message',
        }),
      },
    },
  },
  HttpApiRoutePostAccountsAccountidVarAdmins: route('RequestAdmins', 'POST /accounts/{accountId}/admins'),
  HttpApiRoutePostAccountsAccountidVarAdminsUsernameVarLink: route(
    'RequestAdmins',
    'POST /accounts/{accountId}/admins/{userName}/link',
  ),
  HttpApiRoutePostAccounts: route('RequestAccount', 'POST /accounts'),
  HttpApiRouteGetAccounts: route('ListAccounts', 'GET /accounts'),
  HttpApiRouteGetRequestsRequestidVar: route('GetRequest', 'GET /requests/{requestId}'),
  HttpApiRoutePostRequestsRequestidVarApproval: route('DecideRequest', 'POST /requests/{requestId}/approval'),
  HttpApiRouteGetAccountsAccountidVar: route('GetAccount', 'GET /accounts/{accountId}'),
  // The page that opens links, for people who do not sign in to AWS.
  HttpApiRouteGetLink: route('ClaimLink', 'GET /link', {}),
  HttpApiRouteHeadLink: route('ClaimLink', 'HEAD /link', {}),
  HttpApiRoutePostLinkClaim: route('ClaimLink', 'POST /link/claim', {}),
  HttpApiRoutePostLinkDisown: route('ClaimLink', 'POST /link/disown', {}),
  HttpApiIntegrationClaimLink: integration('ClaimLink'),
  ClaimLinkLambdaPermissionHttpApi: permission('ClaimLink', byApi),
  ...withKey(signedFunctions, (name) => [`HttpApiIntegration${name}`, integration(name)]),
  ...withKey(signedFunctions, (name) => [`${name}LambdaPermissionHttpApi`, permission(name, byApi)]),
}

// The workflow, the ledger, the package. A test of its own compares the definition.

const stateMachine = (StateMachineName: string, role: string): Said => ({
  Type: 'AWS::StepFunctions::StateMachine',
  Properties: {
    StateMachineName,
    StateMachineType: 'STANDARD',
    RoleArn: `\${${role}.Arn}`,
    TracingConfiguration: { Enabled: true },
    LoggingConfiguration: {
      Level: 'ERROR',
      IncludeExecutionData: false,
      Destinations: [{ CloudWatchLogsLogGroup: { LogGroupArn: '${WorkflowLog.Arn}' } }],
    },
    DefinitionString: expect.anything() as unknown,
  },
})
const workflow: Table = {
  VendAccount: stateMachine(ours, 'WorkflowRole'),
  DailyRound: stateMachine(`${ours}_round`, 'RoundRole'),
  // Step Functions needs this prefix.
  WorkflowLog: logGroup(`/aws/vendedlogs/states/${ours}`),
  Ledger: {
    Type: 'AWS::DynamoDB::Table',
    ...kept,
    Properties: {
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: ['pk', 'status', 'accountName'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
      GlobalSecondaryIndexes: [
        {
          IndexName: 'byStatus',
          KeySchema: [
            { AttributeName: 'status', KeyType: 'HASH' },
            { AttributeName: 'accountName', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['updatedAt', 'vendedAt', 'executionArn'] },
        },
      ],
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      SSESpecification: { SSEEnabled: true },
    },
  },
  ServerlessDeploymentBucket: {
    Type: 'AWS::S3::Bucket',
    Properties: {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      VersioningConfiguration: { Status: 'Enabled' },
    },
  },
  ServerlessDeploymentBucketPolicy: {
    Type: 'AWS::S3::BucketPolicy',
    Properties: {
      Bucket: '${ServerlessDeploymentBucket}',
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Deny',
            Principal: '*',
            Action: 's3:*',
            Resource: [
              'arn:${AWS::Partition}:s3:::${ServerlessDeploymentBucket}/*',
              'arn:${AWS::Partition}:s3:::${ServerlessDeploymentBucket}',
            ],
            Condition: { Bool: { 'aws:SecureTransport': false } },
          },
        ],
      },
    },
  },
}

export const serviceTable: Table = {
  ...withKey(functionNames, (name) => [`${name}LambdaFunction`, lambdaFunction(name, functions[name]!)]),
  ...withKey(functionNames, (name) => [`${name}LogGroup`, logGroup(`/aws/lambda/${ours}-${camel(name)}`)]),
  ...api,
  ...workflow,
}
