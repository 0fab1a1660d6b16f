import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse, type ScalarTag } from 'yaml'
import type { Vending } from '../functions/shared/vending.ts'

const root = path.join(import.meta.dirname, '..')

export type Rule = {
  name: string
  enabled: boolean
  /** Of a rule that takes events. */
  pattern?: Record<string, unknown>
  /** Of a rule that goes by the clock. */
  schedule?: string
  /** Id of the target: VendAccount, ReportFailure or Sweep. */
  target: string
}
export type DeployedFunction = {
  /** The folder's name. */
  name: string
  environment: Record<string, string>
  timeoutSeconds: number
  routes: { method: string; path: string }[]
}

type Place = { partition: string; region: string; accountId: string }

/**
 * Reads what `npm run deploy` deploys, as it stands in serverless.yml, infra/ and statemachine/: rules, functions,
 * workflow, and what the API's roles may call. CloudFormation's references become the local organization's values.
 * A reference that is not known here is refused.
 */
export const readDeployed = (vending: Vending, { partition, region, accountId }: Place) => {
  const service = 'account-vending-local'
  const arn = (what: string, resource: string) => `arn:${partition}:${what}:${region}:${accountId}:${resource}`
  const lambdaArn = (name: string) => arn('lambda', `function:${service}-${name}`)
  const references: Record<string, string> = {
    'AWS::AccountId': accountId,
    'AWS::Partition': partition,
    'AWS::Region': region,
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': service,
    VendAccount: arn('states', `stateMachine:${service}`),
    Ledger: `${service}-ledger`,
    'PasswordKey.Arn': arn('kms', 'key/00000000-0000-4000-8000-000000000000'),
    HttpApi: 'local',
    'self:service': 'account-vending',
    'sls:stage': 'local',
    'self:custom.deployment.accessRole': vending.accessRole,
    'self:custom.deployment.organizationsRules': vending.automatic === 'organizations' ? 'ENABLED' : 'DISABLED',
    'self:custom.deployment.controlTowerRules': vending.automatic === 'control-tower' ? 'ENABLED' : 'DISABLED',
  }
  const refer = (reference: string): string => {
    const value =
      references[reference] ?? /^(\w+)LambdaFunction\.Arn$|^([a-z]\w+)\.Arn$/.exec(reference)?.slice(1).find(Boolean)
    if (value === undefined) throw new Error(`The local organization does not know the reference ${reference}`)
    return references[reference] ?? lambdaArn(value.charAt(0).toLowerCase() + value.slice(1))
  }
  const substitute = (text: string) => text.replace(/\$\{([\w:.]+)\}/g, (_, reference: string) => refer(reference))

  // Only what is asked for is resolved: a file holds references to much that runs on AWS alone.
  const lazily = (tag: string, prefix: string): ScalarTag => ({ tag, resolve: (text: string) => `${prefix}${text}` })
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve)
    if (typeof value === 'object' && value)
      return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, resolve(content)]))
    if (typeof value !== 'string') return value
    return value.startsWith('!ref ') ? refer(value.slice(5)) : substitute(value.replace(/^!sub /, ''))
  }
  const read = (file: string) =>
    parse(readFileSync(path.join(root, file), 'utf8'), {
      merge: true,
      customTags: [lazily('!Ref', '!ref '), lazily('!GetAtt', '!ref '), lazily('!Sub', '!sub ')],
    }) as Record<string, Record<string, unknown>>

  const rules = Object.entries(read('infra/rules.yml')['Resources'] ?? {})
    .filter(([, resource]) => (resource as { Type: string }).Type === 'AWS::Events::Rule')
    .map(([name, resource]): Rule => {
      const { State, EventPattern, ScheduleExpression, Targets } = (resource as { Properties: Record<string, unknown> })
        .Properties
      return {
        name,
        enabled: resolve(State) === 'ENABLED',
        ...(EventPattern !== undefined && { pattern: resolve(EventPattern) as Record<string, unknown> }),
        ...(typeof ScheduleExpression === 'string' && { schedule: ScheduleExpression }),
        target: (Targets as { Id: string }[])[0]?.Id ?? '',
      }
    })

  const serverless = read('serverless.yml')
  const provider = serverless['provider'] as { environment: object; timeout: number }
  type Configured = {
    handler: string
    environment?: object
    timeout?: number
    events?: { httpApi: { method: string; path: string } }[]
  }
  const functions = Object.entries(serverless['functions'] as Record<string, Configured>).map(
    ([, { handler, environment, timeout, events = [] }]): DeployedFunction => ({
      name: handler.split('/')[1] ?? '',
      environment: resolve({ ...provider.environment, ...environment }) as Record<string, string>,
      timeoutSeconds: timeout ?? provider.timeout,
      routes: events.map(({ httpApi }) => httpApi),
    }),
  )

  const api = read('infra/api-roles.yml')['Resources'] as Record<
    string,
    { Properties: { Policies: { PolicyDocument: { Statement: { Resource: string | string[] }[] } }[] } }
  >
  /** The resources that an API role may invoke, as METHOD/path with `*`. */
  const mayInvoke = (role: 'OperatorRole' | 'RequesterRole') =>
    (api[role]?.Properties.Policies ?? [])
      .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
      .flatMap(({ Resource }) => resolve([Resource].flat()) as string[])
      .map((resource) => resource.replace(/^.*\$default\//, ''))

  return {
    rules,
    functions,
    definition: resolve(read('statemachine/vend-account.asl.yml')) as { States: Record<string, unknown> },
    stateMachineArn: refer('VendAccount'),
    ledgerTable: refer('Ledger'),
    passwordKeyArn: refer('PasswordKey.Arn'),
    deadLetters: `${service}-DeadLetters`,
    lambdaArn,
    stackName: service,
    apiRoles: { operator: mayInvoke('OperatorRole'), requester: mayInvoke('RequesterRole') },
  }
}
export type Deployed = ReturnType<typeof readDeployed>
