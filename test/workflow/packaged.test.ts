import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { ExecutionStatus } from '@aws-sdk/client-sfn'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { noteOnce } from '../../functions/shared/notes.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import { bundleFunctions } from '../../local/run-function.ts'
import { ledgerMock } from '../support/builders.ts'
import type { Statement } from '../support/iam-evaluator.ts'
import { packaged, packagedTemplate, type Packaged } from '../support/packaged.ts'
import { functionNames, openRoutes, said, serviceTable, tableVending } from '../support/template-table.ts'
import { dashboardTable, roleTable, watchTable } from '../support/template-watch.ts'

// Tests what `npm run package` makes, offline and without credentials, for both values of `automatic`.

const ofType = ({ resources }: Packaged, type: string): ({ name: string } & Record<string, unknown>)[] =>
  Object.entries(resources)
    .filter(([, { Type }]) => Type === type)
    .map(([name, { Properties }]) => ({ ...Properties, name }))

const senderIdentity = 'arn:aws:ses:us-east-1:444455556666:identity/example.com'
let organizations: Packaged
let controlTower: Packaged
beforeAll(async () => {
  organizations = await packaged(tableVending)
  controlTower = await packagedTemplate({ automatic: 'control-tower', senderIdentity })
}, 300_000)

const enabledRules = (service: Packaged) =>
  ofType(service, 'AWS::Events::Rule')
    .filter(({ State }) => State === 'ENABLED')
    .map(({ name }) => name)
    .sort()

test('both sets of rules are packaged; `automatic` decides which set is enabled', () => {
  expect(enabledRules(organizations)).toEqual([
    'AccountCreatedRule',
    'AccountCreationFailedRule',
    'AccountJoinedRule',
    'AccountVendedRule',
    'ClaimDisownedRule',
    'ClaimRule',
    'MailEventRule',
    'RoundFailedRule',
    'RoundRule',
    'VendFailedNoticeRule',
    'VendFailedRule',
  ])
  expect(enabledRules(controlTower)).toEqual([
    'AccountVendedRule',
    'BaselineEnabledRule',
    'ClaimDisownedRule',
    'ClaimRule',
    'MailEventRule',
    'ManagedAccountCreatedRule',
    'ManagedAccountCreationFailedRule',
    'ManagedAccountUpdateFailedRule',
    'ManagedAccountUpdatedRule',
    'RoundFailedRule',
    'RoundRule',
    'VendFailedNoticeRule',
    'VendFailedRule',
  ])
})

test('`accessRole` decides which role is assumed, or `automatic` if there is no `accessRole`', () => {
  const assumed = (service: Packaged) =>
    JSON.stringify(service.resources['CreateAdminUserRole']).match(/role\/(\w+)"/)?.[1]
  expect(assumed(organizations)).toBe(tableVending.accessRole)
  expect(assumed(controlTower)).toBe('AWSControlTowerExecution')
})

describe('the packaged template says what the table says:', () => {
  const table = { ...serviceTable, ...watchTable }

  test('no resource more, and none less', () => {
    expect(Object.keys(organizations.resources).sort()).toEqual(
      [...Object.keys(table), ...Object.keys(roleTable), 'Dashboard'].sort(),
    )
  })

  test.each(Object.keys(table))('%s', (name) => {
    // osls writes DependsOn itself.
    const { DependsOn: _, ...resource } = organizations.resources[name] ?? { Type: 'missing', Properties: {} }
    expect(said(resource)).toEqual(table[name])
  })

  test.each(Object.entries(roleTable))('%s', (name, { trust, conditions }) => {
    const { Properties = {}, ...resource } = organizations.resources[name] ?? {}
    const { Description: _, AssumeRolePolicyDocument, Policies, ...more } = Properties
    expect({ ...resource, ...more }).toEqual({ Type: 'AWS::IAM::Role' })
    expect(said(AssumeRolePolicyDocument)).toEqual(trust)
    const statements = (Policies as { PolicyDocument: { Statement: Statement[] } }[]).flatMap(
      ({ PolicyDocument }) => PolicyDocument.Statement,
    )
    expect(new Set(statements.map(({ Effect }) => Effect))).toEqual(new Set(['Allow']))
    expect(
      Object.fromEntries(
        statements.flatMap(({ Sid = '', Condition }) => (Condition ? [[Sid, said(Condition)] as const] : [])),
      ),
    ).toEqual(conditions)
  })

  test('Dashboard', () => {
    const { DashboardName, DashboardBody } = organizations.resources['Dashboard']?.Properties as {
      DashboardName: string
      DashboardBody: { 'Fn::Sub': string }
    }
    expect(DashboardName).toBe('account-vending-local')
    type Properties = { title: string; metrics?: unknown[]; query?: string; region: string; period?: number }
    type Widget = { type: string; properties: Properties }
    const { widgets } = JSON.parse(DashboardBody['Fn::Sub']) as { widgets: Widget[] }
    expect(
      Object.fromEntries(widgets.map(({ properties: { title, metrics, query } }) => [title, metrics ?? query])),
    ).toEqual(dashboardTable)
    for (const { type, properties } of widgets)
      expect({ type, ...properties }).toMatchObject({
        region: '${AWS::Region}',
        ...(properties.query ? { type: 'log', view: 'table' } : { type: 'metric', period: 300 }),
      })
    const shown = Object.values(dashboardTable).flat() as string[][]
    type Watched = { Namespace: string; MetricName: string }
    const watched = ofType(organizations, 'AWS::CloudWatch::Alarm').flatMap(({ Metrics, ...alarm }) =>
      Metrics
        ? (Metrics as { MetricStat?: { Metric: Watched } }[]).flatMap(({ MetricStat }) => MetricStat?.Metric ?? [])
        : (alarm as unknown as Watched),
    )
    for (const { Namespace, MetricName } of watched)
      expect(shown.map((metric) => metric.slice(0, 2))).toContainEqual([Namespace, MetricName])
  })

  test('the outputs', () => {
    const outputs = Object.fromEntries(
      Object.entries(organizations.outputs as Record<string, { Value: unknown }>).map(([name, { Value }]) => [
        name,
        said(Value),
      ]),
    )
    expect(outputs).toEqual({
      AlarmTopicArn: '${AlarmTopic}',
      Approval: 'none',
      ApproverRoleArn: '${ApproverRole.Arn}',
      DailyRoundArn: '${DailyRound}',
      DeadLetterQueueUrl: '${DeadLetters}',
      HttpApiId: '${HttpApi}',
      HttpApiUrl: 'https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}',
      LedgerTable: '${Ledger}',
      NoticesTopicArn: '${NoticesTopic}',
      OperatorRoleArn: '${OperatorRole.Arn}',
      PasswordKeyArn: '${PasswordKey.Arn}',
      RequesterRoleArn: '${RequesterRole.Arn}',
      ServerlessDeploymentBucketName: '${ServerlessDeploymentBucket}',
      VendAccountArn: '${VendAccount}',
    })
  })

  test('every name that text refers to is in the template', () => {
    const text = JSON.stringify(organizations.resources)
    for (const [, name = ''] of text.matchAll(/\$\{([A-Z]\w+)(?:\.\w+)?\}/g))
      expect(organizations.resources).toHaveProperty(name)
  })

  test('what decides how it is deployed, before a template exists', () => {
    const serverless = parse(readFileSync(path.join(import.meta.dirname, '../../serverless.yml'), 'utf8'), {
      customTags: ['!Ref', '!GetAtt', '!Sub'].map((tag) => ({ tag, resolve: (text: string) => text })),
    }) as Record<string, Record<string, unknown>>
    expect(serverless).toMatchObject({
      service: 'account-vending',
      frameworkVersion: '4',
      provider: { name: 'aws', stage: 'prod', region: "${opt:region, 'us-east-1'}", versionFunctions: false },
      stepFunctions: { validate: true },
    })
  })
})

test('the ledger forgets a note after 90 days: notes have the time in the attribute that DynamoDB looks at', async () => {
  const { dynamodb, ledger, ...onRecord } = ledgerMock()
  onRecord.holds(undefined)
  await noteOnce(ledger, 'failure#a', { messageId: '1' })
  const { Item } = dynamodb.commandCalls(PutItemCommand)[0]!.args[0].input
  const { AttributeName = '' } = organizations.resources['Ledger']!.Properties['TimeToLiveSpecification'] as {
    AttributeName?: string
  }
  const days = (Number(Item?.[AttributeName]?.N) - Date.now() / 1000) / (24 * 60 * 60)
  expect(days).toBeGreaterThan(89.9)
  expect(days).toBeLessThanOrEqual(90)
})

test('the rule of failed vends matches every way in which Step Functions ends an execution without success', () => {
  const { EventPattern } = organizations.resources['VendFailedRule']!.Properties as {
    EventPattern: { detail: { status: string[] } }
  }
  const well = ['RUNNING', 'SUCCEEDED', 'PENDING_REDRIVE']
  expect([...EventPattern.detail.status].sort()).toEqual(
    Object.values(ExecutionStatus)
      .filter((status) => !well.includes(status))
      .sort(),
  )
})

describe('the local organization runs the package:', () => {
  const place = { partition: 'aws', region: 'us-east-1', accountId: '111122223333' }
  const resolved = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value)
        .replaceAll('{"Ref":"AWS::AccountId"}', '"111122223333"')
        .replaceAll(/\{"Fn::Sub":("[^"]*")\}/g, '$1')
        .replaceAll('${AWS::Partition}', 'aws')
        .replaceAll('${AWS::AccountId}', '111122223333')
        .replaceAll(
          '{"Ref":"VendAccount"}',
          '"arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-local"',
        )
        .replaceAll(
          '{"Ref":"DailyRound"}',
          '"arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-local_round"',
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

  test.each(['VendAccount', 'DailyRound'])('the same definition of %s', (machine) => {
    const { definition: ofVend, round } = readDeployed(loadVending(organizations.file), place)
    const definition = machine === 'VendAccount' ? ofVend : round.definition
    const { DefinitionString } = organizations.resources[machine]?.Properties as {
      DefinitionString: { 'Fn::Sub': [string, Record<string, { 'Fn::GetAtt': [string, string] }>] }
    }
    const [text, references] = DefinitionString['Fn::Sub']
    const filled = text.replace(/\$\{(\w+)\}/g, (_, key: string) => {
      const [logicalId = ''] = references[key]?.['Fn::GetAtt'] ?? []
      const name = logicalId.replace('LambdaFunction', '')
      return `arn:aws:lambda:us-east-1:111122223333:function:account-vending-local-${name.charAt(0).toLowerCase()}${name.slice(1)}`
    })
    // The plugin adds default values to the definition.
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

test('each function is packaged, with a bundle of at most 300 KB', async () => {
  for (const [name, bundle] of await bundleFunctions(organizations.file))
    expect(Buffer.byteLength(bundle), name).toBeLessThanOrEqual(300 * 1024)
  expect(readdirSync(organizations.folder).filter((file) => file.endsWith('.zip'))).toHaveLength(functionNames.length)
})

describe('the configuration set', () => {
  test('is declared, tells the default event bus, and changes no link', () => {
    const { ConfigurationSet, MailEvents, SendLoginEmailLambdaFunction, ReportFailureRole } = controlTower.resources
    expect(ConfigurationSet).toEqual({
      Type: 'AWS::SES::ConfigurationSet',
      Properties: {
        Name: 'account-vending-local',
        VdmOptions: { DashboardOptions: { EngagementMetrics: 'DISABLED' } },
      },
    })
    expect(said(MailEvents)).toEqual({
      Type: 'AWS::SES::ConfigurationSetEventDestination',
      Properties: {
        ConfigurationSetName: '${ConfigurationSet}',
        EventDestination: {
          Name: 'events',
          Enabled: true,
          MatchingEventTypes: ['delivery', 'deliveryDelay', 'bounce', 'complaint', 'reject'],
          EventBridgeDestination: {
            EventBusArn: 'arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default',
          },
        },
      },
    })
    expect(said(SendLoginEmailLambdaFunction)).toMatchObject({
      Properties: { Environment: { Variables: { CONFIGURATION_SET: '${ConfigurationSet}' } } },
    })
    expect(JSON.stringify(said(ReportFailureRole))).toContain(':configuration-set/${ConfigurationSet}"')
  })

  test('that vending.yml names is used, and none is declared', () => {
    expect(organizations.resources).not.toHaveProperty('ConfigurationSet')
    expect(organizations.resources).not.toHaveProperty('MailEvents')
    expect(JSON.stringify(organizations.resources['ReportFailureRole'])).toContain(
      `:configuration-set/${tableVending.configurationSet}"`,
    )
  })
})

test('an identity of another account is the only identity that mails are sent with', () => {
  const resources = (service: Packaged) =>
    [...JSON.stringify(said(service.resources['ReportFailureRole'])).matchAll(/"(arn:[^"]*:ses:[^"]*)"/g)].map(
      ([, resource]) => resource,
    )
  const here = 'arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}'
  expect(resources(controlTower)).toEqual([senderIdentity, `${here}:configuration-set/\${ConfigurationSet}`])
  expect(resources(organizations)).toContain(`${here}:identity/example.com`)
})

describe('the page that opens links', () => {
  test('has limits of its own, at routes that exist before the stage', () => {
    const stage = organizations.resources['HttpApiStage'] as { DependsOn?: string | string[] }
    for (const key of openRoutes) {
      const [id] = Object.entries(organizations.resources).find(([, { Properties }]) => Properties['RouteKey'] === key)!
      expect(stage.DependsOn).toContain(id)
    }
  })

  test('is not deployed with delivery: secret', async () => {
    const { resources } = await packagedTemplate({ ...tableVending, delivery: 'secret', handover: 'Ask us.' })
    const keys = Object.values(resources).map(({ Properties }) => Properties['RouteKey'])
    expect(keys.filter((key) => openRoutes.includes(String(key)))).toEqual([])
    expect(resources).not.toHaveProperty('ClaimLinkLambdaPermissionHttpApi')
    expect(resources['HttpApiStage']?.Properties['RouteSettings']).toEqual({
      'POST /accounts': { ThrottlingBurstLimit: 200, ThrottlingRateLimit: 50 },
    })
  })

  test('has the host name, the concurrency and the lifetime that vending.yml says', async () => {
    const certificate = 'arn:aws:acm:us-east-1:111122223333:certificate/a'
    const linkDomain = { name: 'access.example.com', certificate }
    const { resources, outputs } = await packagedTemplate({ ...tableVending, linkDomain, linkConcurrency: 7 })
    expect(resources['LinkDomain']?.Properties).toEqual({
      DomainName: 'access.example.com',
      DomainNameConfigurations: [{ CertificateArn: certificate, EndpointType: 'REGIONAL', SecurityPolicy: 'TLS_1_2' }],
    })
    expect(said(resources['LinkDomainMapping']?.Properties)).toEqual({
      ApiId: '${HttpApi}',
      DomainName: '${LinkDomain}',
      Stage: '${HttpApiStage}',
    })
    expect(said(outputs)).toMatchObject({ LinkDomainTarget: { Value: '${LinkDomain.RegionalDomainName}' } })
    expect(resources['SendLoginEmailLambdaFunction']?.Properties).toMatchObject({
      Environment: { Variables: { LINK_URL: 'https://access.example.com/link' } },
    })
    expect(resources['ClaimLinkLambdaFunction']?.Properties['ReservedConcurrentExecutions']).toBe(7)
  })
})

test('no function holds both the password and the key of a link', () => {
  const actions = (role: string) => JSON.stringify(organizations.resources[role]?.Properties['Policies'])
  expect(actions('SealPasswordRole')).toContain('secretsmanager:GetSecretValue')
  for (const action of ['ses:', 'sts:', tableVending.accessRole])
    expect(actions('SealPasswordRole')).not.toContain(action)
  for (const action of ['secretsmanager:', 'kms:', 'ses:', 'sts:', '"states:', tableVending.accessRole])
    expect(actions('ClaimLinkRole')).not.toContain(action)
})

test('send-login-email cannot read secrets, store-password cannot enter accounts, create-admin-user cannot send mail', () => {
  const actions = (role: string) => JSON.stringify(organizations.resources[role])
  expect(actions('SendLoginEmailRole')).not.toContain('secretsmanager:')
  expect(actions('SendLoginEmailRole')).not.toContain(tableVending.accessRole)
  expect(actions('StorePasswordRole')).not.toContain(tableVending.accessRole)
  expect(actions('StorePasswordRole')).not.toContain('GetSecretValue')
  expect(actions('CreateAdminUserRole')).not.toContain('ses:')
})

test('no resource depends on itself', () => {
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
