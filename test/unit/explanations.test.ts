import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import * as errors from '../../functions/shared/errors.ts'
import { explanations } from '../../functions/shared/explanations.ts'

// An execution fails under the bare name of an error, and AWS's services share names. So an explanation of an AWS error
// must fit every service whose call can throw it.

const root = path.join(import.meta.dirname, '..', '..')

/** The errors of each command that the functions import, by service, from the declarations of the SDK. */
const thrown = new Map<string, Set<string>>()
for (const file of globSync('functions/**/*.ts', { cwd: root })) {
  const source = readFileSync(path.join(root, file), 'utf8')
  for (const [, names = '', service = ''] of source.matchAll(
    /import (?:type )?{([^}]*)} from '@aws-sdk\/client-([\w-]+)'/g,
  ))
    for (const [, paginated, command] of names.matchAll(/\bpaginate(\w+)|\b(\w+)Command\b/g)) {
      const declaration = `node_modules/@aws-sdk/client-${service}/dist-types/commands/${paginated ?? command}Command.d.ts`
      const declared = readFileSync(path.join(root, declaration), 'utf8').matchAll(/@throws {@link (\w+)}/g)
      thrown.set(service, new Set([...(thrown.get(service) ?? []), ...[...declared].map(([, name = '']) => name)]))
    }
}
const servicesOf = (name: string) =>
  [...thrown].flatMap(([service, names]) => (names.has(name) ? [service] : [])).sort()

test('the declarations of the SDK are found', () => {
  expect([...thrown.keys()].sort()).toEqual(
    [
      'account',
      'dynamodb',
      'eventbridge',
      'iam',
      'organizations',
      'secrets-manager',
      'ses',
      'sfn',
      'sns',
      'sts',
    ].sort(),
  )
  expect(servicesOf('ResourceNotFoundException')).toEqual(['dynamodb', 'secrets-manager'])
  expect(servicesOf('EntityAlreadyExistsException')).toEqual(['iam'])
})

/** Names of several services, whose explanation fits each of these services. */
const shared: Record<string, string[]> = {
  // The cause names the quota.
  LimitExceededException: ['iam', 'secrets-manager'],
  // The name from STS is changed to SessionPolicyRefusedError. CreateSecret has it for a resource policy, and no call
  // sends one.
  MalformedPolicyDocumentException: ['iam', 'secrets-manager', 'sts'],
  // CreateAccount's is handled. The others are about a change of the same thing at the same moment.
  ConcurrentModificationException: ['iam', 'organizations'],
  TooManyRequestsException: ['account', 'organizations'],
}

test('the explanation of an AWS error fits every service whose call can throw it', () => {
  const several = Object.keys(explanations)
    .filter((name) => !(name in errors))
    .map((name) => [name, servicesOf(name)] as const)
    .filter(([, services]) => services.length > 1)
  expect(Object.fromEntries(several)).toEqual(shared)
})
