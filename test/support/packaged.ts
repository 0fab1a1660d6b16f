import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder } from './folder.ts'
import { copyService } from '../../infra/build/copy-service.ts'
import { functionNames } from '../../infra/build/esbuild.ts'
import { createWorld } from '../../local/aws/world.ts'
import { vendingFile } from './organization.ts'

const root = path.join(import.meta.dirname, '..', '..')
const folders = temporaryFolder()

const copyOfService = (name: string) => {
  const copy = path.join(folders, name)
  copyService(root, copy)
  return copy
}

/**
 * Takes the code out of the functions in a copy of the project, except those `kept`. The bundles take osls most of the
 * time.
 */
export const withoutCode = (copy: string, ...kept: string[]) => {
  for (const name of functionNames().filter((name) => !kept.includes(name)))
    writeFileSync(path.join(copy, 'functions', name, 'handler.ts'), 'export const handler = undefined\n')
  return copy
}
const service = copyOfService('service')
const serviceWithoutCode = withoutCode(copyOfService('service-without-code'))

export type Resource = {
  Type: string
  Properties: Record<string, unknown>
  DependsOn?: string | string[]
  DeletionPolicy?: string
  UpdateReplacePolicy?: string
}
type Template = { Resources: Record<string, Resource>; Outputs: Record<string, unknown> }

const packageIn = async (service: string, overrides: object, options: string[]) => {
  const file = vendingFile(overrides as Record<string, unknown>)
  const folder = path.join(folders, path.basename(path.dirname(file)))
  mkdirSync(folder)
  await promisify(execFile)(
    path.join(root, 'node_modules', '.bin', 'osls'),
    ['package', '--stage', 'local', '--package', folder, ...options],
    {
      cwd: service,
      // Keeps the profile and the keys of a person's AWS configuration away.
      env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, VENDING_FILE: file },
    },
  )
  const template = JSON.parse(
    readFileSync(path.join(folder, 'cloudformation-template-update-stack.json'), 'utf8'),
  ) as Template
  return { file, folder, template, resources: template.Resources, outputs: template.Outputs }
}
export type Packaged = Awaited<ReturnType<typeof packageIn>>

/**
 * Packages the service as `npm run package` does, offline and without credentials, with some keys of the example
 * vending.yml changed. The stage is the local organization's.
 * Call this only once at a time: all calls build in the same copy.
 */
export const packaged = (overrides: object) => packageIn(service, overrides, [])

/**
 * Makes the template that `packaged` makes, and packages functions without code. `options` are further options of osls.
 * Call this only once at a time: all calls build in the same copy.
 */
export const packagedTemplate = (overrides: object, ...options: string[]) =>
  packageIn(serviceWithoutCode, overrides, options)

const { region, managementAccountId: accountId } = createWorld()
const arn = (service: string, resource: string) => `arn:aws:${service}:${region}:${accountId}:${resource}`

/** Values for the names that CloudFormation would generate. */
export const localNames = {
  ledger: 'account-vending-local-ledger',
  passwordKey: 'key/00000000-0000-4000-8000-000000000000',
  logKey: 'key/11111111-1111-4111-8111-111111111111',
  deadLetters: 'account-vending-local-DeadLetters',
  ruleSuffix: '-LOCAL0123456',
}

/** The ARN that a resource of the packaged template has in the local organization. */
export const arnIn = ({ resources }: Packaged, name: string) => {
  const { Type = '', Properties = {} } = resources[name] ?? {}
  const named = (property: string) => Properties[property] as string
  const arns: Record<string, () => string> = {
    'AWS::DynamoDB::Table': () => arn('dynamodb', `table/${localNames.ledger}`),
    'AWS::Events::Rule': () => arn('events', `rule/account-vending-local-${name}${localNames.ruleSuffix}`),
    'AWS::IAM::Role': () => `arn:aws:iam::${accountId}:role/${name}`,
    'AWS::KMS::Key': () => arn('kms', name === 'LogKey' ? localNames.logKey : localNames.passwordKey),
    'AWS::Lambda::Function': () => arn('lambda', `function:${named('FunctionName')}`),
    'AWS::Logs::LogGroup': () => arn('logs', `log-group:${named('LogGroupName')}:*`),
    'AWS::SNS::Topic': () => arn('sns', `account-vending-local-${name}`),
    'AWS::SQS::Queue': () => arn('sqs', localNames.deadLetters),
    'AWS::StepFunctions::StateMachine': () => arn('states', `stateMachine:${named('StateMachineName')}`),
  }
  const known = arns[Type]
  if (!known) throw new Error(`The ARN of ${name} (${Type || 'not in the template'}) is not known here`)
  return known()
}

/** Resolves CloudFormation's functions in a part of the packaged template, with the local organization's values. */
export const resolveIn = (service: Packaged, value: unknown): unknown => {
  const resolve = (value: unknown) => resolveIn(service, value)
  const refer = (name: string): string => {
    const pseudo: Record<string, string> = {
      'AWS::AccountId': accountId,
      'AWS::Partition': 'aws',
      'AWS::Region': region,
      'AWS::URLSuffix': 'amazonaws.com',
      HttpApi: 'local',
      ConfigurationSet: 'account-vending-local',
    }
    return pseudo[name] ?? arnIn(service, name.replace(/\.Arn$/, ''))
  }
  if (Array.isArray(value)) return value.map(resolve)
  if (typeof value !== 'object' || value === null) return value
  const [[name, content] = ['', undefined], ...more] = Object.entries(value as Record<string, unknown>)
  if (!more.length) {
    if (name === 'Ref') return refer(content as string)
    if (name === 'Fn::GetAtt') return refer([content].flat().join('.'))
    if (name === 'Fn::Join') {
      const [separator, parts] = content as [string, unknown[]]
      return parts.map(resolve).join(separator)
    }
    if (name === 'Fn::Sub') {
      const [text, values = {}] = [content].flat() as [string, Record<string, unknown>?]
      return text.replace(/\$\{([\w:.]+)\}/g, (_, key: string) =>
        key in values ? String(resolve(values[key])) : refer(key),
      )
    }
    if (/^Fn::/.test(name)) throw new Error(`${name} is not known here`)
  }
  return Object.fromEntries(Object.entries(value).map(([key, content]) => [key, resolve(content)]))
}
