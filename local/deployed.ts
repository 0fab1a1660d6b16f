import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { EventBridgeDestination, EventDestination, EventType, VdmOptions } from '@aws-sdk/client-sesv2'
import { parse, type ScalarTag } from 'yaml'
import { linkRoutes } from '../infra/build/routes.ts'
import type { Vending } from '../functions/shared/vending.ts'

const root = path.join(import.meta.dirname, '..')

export type Rule = {
  name: string
  enabled: boolean
  /** The pattern of a rule for events. */
  pattern?: Record<string, unknown>
  /** The schedule of a rule for points in time. */
  schedule?: string
  /** The id of the target: VendAccount, DailyRound, or the name of a function. */
  target: string
}
export type DeployedFunction = {
  /** The name of the function's folder. */
  name: string
  environment: Record<string, string>
  timeoutSeconds: number
  /** How many invocations run at a time; undefined if as many as there are. */
  reservedConcurrency?: number
  /** Everybody may call a route that has no authorizer. */
  routes: { method: string; path: string; authorizer?: object }[]
}

type Place = { partition: string; region: string; accountId: string }

/** Reads a tag of CloudFormation as text. `resolverOf` resolves it later, because some references exist only on AWS. */
const tagged = (tag: string, prefix: string): ScalarTag => ({ tag, resolve: (text: string) => `${prefix}${text}` })
const customTags = [tagged('!Ref', '!ref '), tagged('!GetAtt', '!ref '), tagged('!Sub', '!sub ')]
const readYaml = (file: string) =>
  parse(readFileSync(path.join(root, file), 'utf8'), { merge: true, customTags }) as Record<
    string,
    Record<string, unknown>
  >

export type Definition = { States: Record<string, unknown> }

/** Reads the definition of a workflow. The functions are references that are not resolved. */
export const readDefinition = (workflow: 'vend-account' | 'daily-round' = 'vend-account') =>
  readYaml(`statemachine/${workflow}.asl.yml`) as Definition

const service = 'account-vending-local'

// CloudFormation composes a role's name from the stack's name, the role's logical id, and 12 characters.
const roleName = (logicalId: string) => `${service}-${logicalId}-LOCAL0123456`

/** The values of the references in the local organization. */
const referencesOf = (vending: Vending, { partition, region, accountId }: Place) => {
  const arn = (awsService: string, resource: string) =>
    `arn:${partition}:${awsService}:${region}:${accountId}:${resource}`
  const rulesState = (automatic: Vending['automatic']) => (vending.automatic === automatic ? 'ENABLED' : 'DISABLED')
  return {
    lambdaArn: (name: string) => arn('lambda', `function:${service}-${name}`),
    values: {
      'AWS::AccountId': accountId,
      'AWS::Partition': partition,
      'AWS::Region': region,
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': service,
      VendAccount: arn('states', `stateMachine:${service}`),
      DailyRound: arn('states', `stateMachine:${service}_round`),
      Ledger: `${service}-ledger`,
      'PasswordKey.Arn': arn('kms', 'key/00000000-0000-4000-8000-000000000000'),
      HttpApi: 'local',
      NoticesTopic: arn('sns', `${service}-NoticesTopic`),
      OperatorRole: roleName('OperatorRole'),
      'self:service': 'account-vending',
      'sls:stage': 'local',
      // The local organization replaces this address when its API starts.
      'self:custom.deployment.linkUrl': 'https://access.example.com/link',
      'self:custom.deployment.configurationSet': vending.configurationSet ?? service,
      'self:custom.deployment.accessRole': vending.accessRole,
      'self:custom.deployment.organizationsRules': rulesState('organizations'),
      'self:custom.deployment.controlTowerRules': rulesState('control-tower'),
    },
  }
}

/** Returns a function that replaces the references in a value. The function throws for a reference it does not know. */
const resolverOf = ({ values, lambdaArn }: ReturnType<typeof referencesOf>) => {
  const refer = (reference: string): string => {
    const value = (values as Record<string, string>)[reference]
    if (value !== undefined) return value
    // The first form is the name that osls gives a function in the template, the second is its name in serverless.yml.
    const [, inTemplate, inServerless] = /^(\w+)LambdaFunction\.Arn$|^([a-z]\w+)\.Arn$/.exec(reference) ?? []
    const name = inTemplate ?? inServerless
    if (name === undefined) throw new Error(`The local organization does not know the reference ${reference}`)
    return lambdaArn(name.charAt(0).toLowerCase() + name.slice(1))
  }
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve)
    if (typeof value === 'object' && value)
      return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, resolve(content)]))
    if (typeof value !== 'string') return value
    if (value.startsWith('!ref ')) return refer(value.slice(5))
    return value.replace(/^!sub /, '').replace(/\$\{([\w:.]+)\}/g, (_, reference: string) => refer(reference))
  }
  return { refer, resolve }
}
type Resolve = ReturnType<typeof resolverOf>['resolve']

type RuleResource = { Type: string; Properties: Record<string, unknown> }
const readRules = (resolve: Resolve) =>
  Object.entries(readYaml('infra/rules.yml')['Resources'] as Record<string, RuleResource>)
    .filter(([, { Type }]) => Type === 'AWS::Events::Rule')
    .map(([name, { Properties }]): Rule => {
      const { State, EventPattern, ScheduleExpression, Targets } = Properties
      return {
        name,
        enabled: resolve(State) === 'ENABLED',
        ...(EventPattern !== undefined && { pattern: resolve(EventPattern) as Record<string, unknown> }),
        ...(typeof ScheduleExpression === 'string' && { schedule: ScheduleExpression }),
        target: (Targets as { Id: string }[])[0]?.Id ?? '',
      }
    })

type ConfiguredFunction = {
  handler: string
  environment?: object
  timeout?: number
  /** A variable that stands for `linkConcurrency` of vending.yml. */
  reservedConcurrency?: string
  /** Text where a variable stands for the routes. */
  events?: { httpApi: DeployedFunction['routes'][number] }[] | string
}
const readFunctions = (resolve: Resolve, vending: Vending) => {
  const serverless = readYaml('serverless.yml')
  const provider = serverless['provider'] as { environment: object; timeout: number }
  return Object.values(serverless['functions'] as Record<string, ConfiguredFunction>).map(
    ({ handler, environment, timeout, reservedConcurrency, events = [] }): DeployedFunction => ({
      name: handler.split('/')[1] ?? '',
      environment: resolve({ ...provider.environment, ...environment }) as Record<string, string>,
      timeoutSeconds: timeout ?? provider.timeout,
      ...(reservedConcurrency !== undefined && { reservedConcurrency: vending.linkConcurrency }),
      routes: (typeof events === 'string' ? linkRoutes(vending) : events).map(({ httpApi }) => httpApi),
    }),
  )
}

type SetResources = {
  ConfigurationSet: { Properties: { VdmOptions: VdmOptions } }
  MailEvents: {
    Properties: {
      EventDestination: Pick<EventDestination, 'Name' | 'Enabled'> & {
        MatchingEventTypes: string[]
        EventBridgeDestination: EventBridgeDestination
      }
    }
  }
}
/**
 * The configuration set of the mails. A set that vending.yml names is not deployed, and is here as if a person had made
 * it like the deployed one.
 */
const readConfigurationSet = (refer: (reference: string) => string, resolve: Resolve) => {
  const resources = readYaml('infra/mail-events.yml')['Resources'] as unknown as SetResources
  const { MatchingEventTypes, ...destination } = resources.MailEvents.Properties.EventDestination
  return {
    name: refer('self:custom.deployment.configurationSet'),
    set: {
      vdmOptions: resources.ConfigurationSet.Properties.VdmOptions,
      eventDestinations: [
        {
          ...(resolve(destination) as typeof destination),
          // CloudFormation writes deliveryDelay where SES's API writes DELIVERY_DELAY.
          MatchingEventTypes: MatchingEventTypes.map(
            (type) => type.replace(/[A-Z]/g, '_$&').toUpperCase() as EventType,
          ),
        },
      ],
    },
  }
}

type RoleResource = {
  Properties: { Policies: { PolicyDocument: { Statement: { Resource: string | string[] }[] } }[] }
}
/** The API's roles, and the routes that each may invoke, as METHOD/path with `*`. */
const readApiRoles = (resolve: Resolve, { partition, accountId }: Place) => {
  const resources = readYaml('infra/api-roles.yml')['Resources'] as Record<string, RoleResource>
  const mayInvoke = (logicalId: string) =>
    (resources[logicalId]?.Properties.Policies ?? [])
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .flatMap(({ Resource }) => resolve([Resource].flat()) as string[])
      .map((resource) => resource.replace(/^.*\$default\//, ''))
  return (['operator', 'requester', 'approver'] as const).map((name) => {
    const logicalId = `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`
    return {
      name,
      logicalId,
      arn: `arn:${partition}:iam::${accountId}:role/${roleName(logicalId)}`,
      sessionArn: `arn:${partition}:sts::${accountId}:assumed-role/${roleName(logicalId)}/local`,
      mayInvoke: mayInvoke(logicalId),
    }
  })
}

/**
 * Reads what `npm run deploy` deploys from serverless.yml, infra/ and statemachine/: rules, functions, workflows, and
 * what the API's roles may call. CloudFormation's references become values of the local organization.
 * `definition` is the definition of the vend, if it is not the one in statemachine/.
 * Throws an Error for a reference that it does not know.
 */
export const readDeployed = (vending: Vending, place: Place, definition = readDefinition()) => {
  const references = referencesOf(vending, place)
  const { refer, resolve } = resolverOf(references)
  return {
    rules: readRules(resolve),
    functions: readFunctions(resolve, vending),
    configurationSet: readConfigurationSet(refer, resolve),
    definition: resolve(definition) as Definition,
    stateMachineArn: refer('VendAccount'),
    round: {
      definition: resolve(readDefinition('daily-round')) as Definition,
      stateMachineArn: refer('DailyRound'),
    },
    ledgerTable: refer('Ledger'),
    passwordKeyArn: refer('PasswordKey.Arn'),
    noticesTopicArn: refer('NoticesTopic'),
    deadLetters: `${service}-DeadLetters`,
    lambdaArn: references.lambdaArn,
    stackName: service,
    approval: vending.approval ?? 'none',
    apiRoles: readApiRoles(resolve, place),
  }
}
export type Deployed = ReturnType<typeof readDeployed>
