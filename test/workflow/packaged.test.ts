import { readdirSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import { bundleFunctions } from '../../local/run-function.ts'
import { packaged, type Packaged } from '../support/packaged.ts'

// What `npm run package` makes, offline and without credentials, for both values of `automatic`.

const ofType = ({ resources }: Packaged, type: string): ({ name: string } & Record<string, unknown>)[] =>
  Object.entries(resources)
    .filter(([, { Type }]) => Type === type)
    .map(([name, { Properties }]) => ({ ...Properties, name }))

let organizations: Packaged
let controlTower: Packaged
beforeAll(async () => {
  // One after the other: both build in the same copy.
  organizations = await packaged({ automatic: 'organizations' })
  controlTower = await packaged({ automatic: 'control-tower' })
}, 120_000)

const enabledRules = (service: Packaged) =>
  ofType(service, 'AWS::Events::Rule')
    .filter(({ State }) => State === 'ENABLED')
    .map(({ name }) => name)
    .sort()

test('both sets of rules are packaged; automatic says which are enabled', () => {
  expect(enabledRules(organizations)).toEqual([
    'AccountCreatedRule',
    'AccountCreationFailedRule',
    'AccountJoinedRule',
    'SweepRule',
    'VendFailedRule',
  ])
  expect(enabledRules(controlTower)).toEqual([
    'ManagedAccountCreatedRule',
    'ManagedAccountCreationFailedRule',
    'ManagedAccountUpdateFailedRule',
    'ManagedAccountUpdatedRule',
    'SweepRule',
    'VendFailedRule',
  ])
})

test('automatic says which role is assumed', () => {
  const assumed = (service: Packaged) =>
    JSON.stringify(service.resources['CreateAdminUserRole']).match(/role\/(\w+)"/)?.[1]
  expect(assumed(organizations)).toBe('OrganizationAccountAccessRole')
  expect(assumed(controlTower)).toBe('AWSControlTowerExecution')
})

test('each rule pins the management account or goes by the clock, and has a retry policy and a dead-letter queue', () => {
  const rules = ofType(organizations, 'AWS::Events::Rule')
  expect(rules).toHaveLength(9)
  for (const { name, EventPattern, ScheduleExpression, Targets } of rules) {
    if (name === 'SweepRule') expect({ ScheduleExpression }).toEqual({ ScheduleExpression: 'cron(10 6 * * ? *)' })
    else expect(EventPattern).toMatchObject({ account: [{ Ref: 'AWS::AccountId' }] })
    expect(Targets).toHaveLength(1)
    expect(Targets).toMatchObject([
      {
        RetryPolicy: { MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 185 },
        DeadLetterConfig: { Arn: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] } },
      },
    ])
  }
})

describe('the local organization runs what is packaged', () => {
  const place = { partition: 'aws', region: 'us-east-1', accountId: '111122223333' }
  const resolved = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value)
        .replaceAll('{"Ref":"AWS::AccountId"}', '"111122223333"')
        .replaceAll(
          '{"Ref":"VendAccount"}',
          '"arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-local"',
        ),
    ) as unknown

  test('the same rules', () => {
    for (const service of [organizations, controlTower]) {
      const { rules } = readDeployed(loadVending(service.file), place)
      const inTemplate = ofType(service, 'AWS::Events::Rule').map(
        ({ name, State, EventPattern, ScheduleExpression, Targets }) => ({
          name,
          enabled: State === 'ENABLED',
          ...(EventPattern !== undefined && { pattern: resolved(EventPattern) }),
          ...(ScheduleExpression !== undefined && { schedule: ScheduleExpression }),
          target: (Targets as { Id: string }[])[0]?.Id,
        }),
      )
      expect(rules).toEqual(inTemplate)
    }
  })

  test('the same definition', () => {
    const { definition } = readDeployed(loadVending(organizations.file), place)
    const { DefinitionString } = organizations.resources['VendAccount']?.Properties as {
      DefinitionString: { 'Fn::Sub': [string, Record<string, { 'Fn::GetAtt': [string, string] }>] }
    }
    const [text, references] = DefinitionString['Fn::Sub']
    const filled = text.replace(/\$\{(\w+)\}/g, (_, key: string) => {
      const [logicalId = ''] = references[key]?.['Fn::GetAtt'] ?? []
      const name = logicalId.replace('LambdaFunction', '')
      return `arn:aws:lambda:us-east-1:111122223333:function:account-vending-local-${name.charAt(0).toLowerCase()}${name.slice(1)}`
    })
    // The plugin writes out what is the default.
    const withoutDefaults = (key: string, value: unknown) => (key === 'QueryLanguage' ? undefined : value)
    expect(JSON.parse(filled, withoutDefaults)).toEqual(definition)
  })

  test('the same functions, with the same environment', () => {
    const { functions } = readDeployed(loadVending(organizations.file), place)
    const inTemplate = ofType(organizations, 'AWS::Lambda::Function').map(({ Environment, Timeout, Handler }) => ({
      name: (Handler as string).split('/')[1],
      variables: Object.keys((Environment as { Variables: object }).Variables).sort(),
      timeoutSeconds: Timeout,
    }))
    expect(
      functions.map(({ name, environment, timeoutSeconds }) => ({
        name,
        variables: Object.keys(environment).sort(),
        timeoutSeconds,
      })),
    ).toEqual(inTemplate)
  })
})

test('the workflow is STANDARD, traced, and its log has no execution data', () => {
  expect(organizations.resources['VendAccount']?.Properties).toMatchObject({
    StateMachineType: 'STANDARD',
    TracingConfiguration: { Enabled: true },
    LoggingConfiguration: { IncludeExecutionData: false },
  })
})

test('each function runs on Node 24 and arm64, with a role of its own and a bundle of at most 300 KB', async () => {
  const functions = ofType(organizations, 'AWS::Lambda::Function')
  expect(functions).toHaveLength(10)
  const roles = functions.map(({ Role }) => JSON.stringify(Role))
  expect(new Set(roles).size).toBe(functions.length)
  for (const fn of functions) expect(fn).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] })
  for (const [name, bundle] of await bundleFunctions(organizations.file))
    expect(Buffer.byteLength(bundle), name).toBeLessThanOrEqual(300 * 1024)
  expect(readdirSync(organizations.folder).filter((file) => file.endsWith('.zip'))).toHaveLength(10)
})

test('every route of the API asks for IAM’s authorisation', () => {
  const routes = ofType(organizations, 'AWS::ApiGatewayV2::Route')
  expect(routes.map(({ RouteKey }) => RouteKey).sort()).toEqual([
    'GET /accounts/{accountId}',
    'POST /accounts/{accountId}/admins',
  ])
  for (const route of routes) expect(route).toMatchObject({ AuthorizationType: 'AWS_IAM' })
})

test('only store-password, create-admin-user and the secretReaders decrypt with the password key', () => {
  const { KeyPolicy } = organizations.resources['PasswordKey']?.Properties as {
    KeyPolicy: { Statement: { Sid: string; Action: string | string[]; Principal: unknown; Condition?: unknown }[] }
  }
  const decrypting = KeyPolicy.Statement.filter(({ Action }) =>
    [Action].flat().some((action) => /Decrypt|\*/.test(action)),
  )
  expect(decrypting.map(({ Sid }) => Sid)).toEqual(['StorePassword', 'CreateAdminUser', 'SecretReaders'])
  expect(decrypting[2]?.Condition).toMatchObject({
    ArnLike: { 'aws:PrincipalArn': ['arn:aws:iam::111122223333:role/platform-team'] },
  })
})

test('the mail’s function cannot read secrets, store-password cannot enter accounts, create-admin-user cannot mail', () => {
  const actions = (role: string) => JSON.stringify(organizations.resources[role])
  expect(actions('SendLoginEmailRole')).not.toContain('secretsmanager:')
  expect(actions('SendLoginEmailRole')).not.toContain('OrganizationAccountAccessRole')
  expect(actions('StorePasswordRole')).not.toContain('OrganizationAccountAccessRole')
  expect(actions('StorePasswordRole')).not.toContain('GetSecretValue')
  expect(actions('CreateAdminUserRole')).not.toContain('ses:')
})

test('ledger and key outlive the service, but not a first deployment that is rolled back', () => {
  for (const name of ['Ledger', 'PasswordKey'])
    expect(organizations.resources[name]).toMatchObject({
      DeletionPolicy: 'RetainExceptOnCreate',
      UpdateReplacePolicy: 'Retain',
    })
})

test('what goes wrong raises alarms on a topic, and a sweep that does not run is one of them', () => {
  const alarms = ofType(organizations, 'AWS::CloudWatch::Alarm')
  expect(alarms.map(({ MetricName }) => MetricName).sort()).toEqual([
    'ApproximateNumberOfMessagesVisible',
    'Bounce',
    'Complaint',
    'Errors',
    'ExecutionThrottled',
    'ExecutionsAborted',
    'ExecutionsFailed',
    'ExecutionsTimedOut',
    'Invocations',
    'Reject',
  ])
  for (const { AlarmActions } of alarms) expect(AlarmActions).toEqual([{ Ref: 'AlarmTopic' }])
  const { Period, EvaluationPeriods, ...notRun } = organizations.resources['SweepNotRunAlarm']?.Properties ?? {}
  expect(Number(Period) * Number(EvaluationPeriods)).toBe(26 * 60 * 60)
  expect(notRun).toMatchObject({
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: 'SweepLambdaFunction' } }],
    Statistic: 'Sum',
    Threshold: 1,
    ComparisonOperator: 'LessThanThreshold',
    TreatMissingData: 'breaching',
  })
})

test('the dashboard is JSON, and shows every function and what every alarm is about', () => {
  const { DashboardBody } = organizations.resources['Dashboard']?.Properties as { DashboardBody: { 'Fn::Sub': string } }
  const text = DashboardBody['Fn::Sub']
  const { widgets } = JSON.parse(text) as { widgets: { properties: { metrics: string[][] } }[] }
  const shown = widgets.flatMap(({ properties }) => properties.metrics.map((metric) => metric.slice(0, 2).join(' ')))
  for (const { Namespace, MetricName } of ofType(organizations, 'AWS::CloudWatch::Alarm'))
    expect(shown).toContain(`${String(Namespace)} ${String(MetricName)}`)
  for (const { name } of ofType(organizations, 'AWS::Lambda::Function')) expect(text).toContain(`\${${name}}`)
  // What !Sub refers to must be there.
  for (const [, name = ''] of text.matchAll(/\$\{(\w+)(?:\.\w+)?\}/g))
    expect(organizations.resources).toHaveProperty(name)
})

test('the sweep may be run by its rule alone, and what it fails on is kept', () => {
  expect(organizations.resources['SweepPermission']?.Properties).toMatchObject({
    FunctionName: { 'Fn::GetAtt': ['SweepLambdaFunction', 'Arn'] },
    Principal: 'events.amazonaws.com',
    SourceArn: { 'Fn::GetAtt': ['SweepRule', 'Arn'] },
  })
  expect(organizations.resources['SweepLambdaFunction']?.Properties).toMatchObject({ Timeout: 900 })
  for (const name of ['SweepLambdaEvConf', 'ReportFailureLambdaEvConf'])
    expect(organizations.resources[name]?.Properties).toMatchObject({
      MaximumRetryAttempts: 2,
      DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['DeadLetters', 'Arn'] } } },
    })
})

test('the password key is rotated as seldom as KMS allows', () => {
  expect(organizations.resources['PasswordKey']?.Properties).toMatchObject({
    EnableKeyRotation: true,
    RotationPeriodInDays: 2560,
  })
})

test('the operator’s command finds the workflow and the ledger among the stack’s outputs', () => {
  expect(organizations.outputs).toMatchObject({
    VendAccountArn: { Value: { Ref: 'VendAccount' } },
    LedgerTable: { Value: { Ref: 'Ledger' } },
    DeadLetterQueueUrl: { Value: { Ref: 'DeadLetters' } },
    PasswordKeyArn: { Value: { 'Fn::GetAtt': ['PasswordKey', 'Arn'] } },
  })
})

test('no resource waits for itself', () => {
  const { resources } = organizations
  const references = (value: unknown): string[] => {
    if (Array.isArray(value)) return value.flatMap(references)
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, content]): string[] => {
      if (key === 'Ref') return [String(content)]
      if (key === 'Fn::GetAtt') return [String([content].flat()[0])]
      if (key === 'Fn::Sub')
        return [...JSON.stringify(content).matchAll(/\$\{(\w+)[.}]/g)]
          .map(([, name = '']) => name)
          .concat(references(content))
      return references(content)
    })
  }
  const waitsFor = (name: string) =>
    [...references(resources[name]?.Properties), ...[resources[name]?.DependsOn ?? []].flat()].filter(
      (other) => other in resources,
    )
  const visit = (name: string, trail: string[]): string[] | undefined => {
    if (trail.includes(name)) return [...trail, name]
    for (const other of waitsFor(name)) {
      const cycle = visit(other, [...trail, name])
      if (cycle) return cycle
    }
    return undefined
  }
  for (const name of Object.keys(resources)) expect(visit(name, [])).toBeUndefined()
})
