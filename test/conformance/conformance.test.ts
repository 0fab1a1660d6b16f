import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { format, resolveConfig } from 'prettier'
import { afterAll, expect, test } from 'vitest'
import { builtInOperations } from '../../local/aws/endpoint.ts'
import { prepareMoto, startLocal } from './aws.ts'
import { differences, masked } from './compare.ts'
import { known } from './differences.ts'
import { moto as program, startMoto } from './moto.ts'
import { scenarios } from './scenarios.ts'

const server = await startMoto()
afterAll(server.stop)
const moto = await prepareMoto(server)
const local = await startLocal()
afterAll(local.close)

const cases = Object.entries(scenarios).flatMap(([service, operations]) =>
  Object.entries(operations).flatMap(([operation, named]) =>
    Object.entries(named).map(([what, run]) => ({
      service,
      operation,
      run,
      title: `${service} ${operation}: ${what}`,
    })),
  ),
)
const listed = new Map(known.flatMap(({ found }) => Object.entries(found)))
/** The differences that were found, by case. */
const compared = new Map<string, Record<string, [local: string, moto: string]>>()

test.each(cases)('$title', async ({ service, operation, run, title }) => {
  const name = `case${cases.findIndex((one) => one.title === title)}`
  const before = local.world.calls.length
  const [here, there] = await Promise.all([run({ ...local.aws, name }), run({ ...moto, name })])
  expect(local.world.calls.slice(before)).toContainEqual(expect.objectContaining({ service, operation }))
  const differing = differences(masked(local.aws, name, here), masked(moto, name, there))
  const found = Object.fromEntries(
    differing.map(({ at, local, moto }): [string, [string, string]] => [
      at ? `${title} → ${at}` : title,
      [local, moto],
    ]),
  )
  compared.set(title, found)
  const expected = [...listed].filter(([where]) => where === title || where.startsWith(`${title} → `))
  expect(found, 'The differences that differences.ts lists for this case').toEqual(Object.fromEntries(expected))
})

test('every listed difference belongs to an existing case, and is listed once', () => {
  const titles = cases.map(({ title }) => title)
  expect([...listed.keys()].filter((where) => !titles.includes(where.split(' → ')[0] ?? ''))).toEqual([])
  expect(listed.size).toBe(known.flatMap(({ found }) => Object.keys(found)).length)
})

test('every operation of the local organization has its cases', () => {
  const operations = Object.entries({ ...builtInOperations, ...local.operations }).flatMap(([service, table]) =>
    Object.keys(table).map((operation) => `${service} ${operation}`),
  )
  const missing = operations.filter((one) => !cases.some(({ service, operation }) => `${service} ${operation}` === one))
  // moto does not have Control Tower.
  expect(missing.filter((one) => !one.startsWith('controltower '))).toEqual([])
})

/** Other names of a service, in the SDK's packages or at the endpoint. */
const services: Record<string, string> = {
  sesv2: 'ses',
  eventbridge: 'events',
  'secrets-manager': 'secretsmanager',
  sfn: 'states',
}

/** What `vend verify` calls. The local organization deploys no package, and the command refuses there. */
const onlyDeployed = ['cloudformation GetTemplate', 'lambda GetFunction', 'lambda GetFunctionConfiguration']

test('every operation that the functions and the command call has its cases', () => {
  const root = path.join(import.meta.dirname, '../..')
  const called = ['functions', 'cli']
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.join(folder, file),
      ),
    )
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(path.join(root, file), 'utf8')
      return [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-([\w-]+)'/g)].flatMap(
        ([, names = '', client = '']) =>
          [...names.matchAll(/(\w+)Command\b/g)].map(([, operation]) => `${services[client] ?? client} ${operation}`),
      )
    })
  expect(called).toContain('iam CreateUser')
  const covered = cases.map(({ service, operation }) => `${service} ${operation}`)
  expect([...new Set(called)].filter((one) => !covered.includes(one)).sort()).toEqual(onlyDeployed)
})

const cell = (text: string) => text.replaceAll('|', '\\|')
const code = (text: string) => (text === 'answers' || text === 'nothing' ? text : cell(`\`${text}\``))

const page = () => {
  const operations = new Set(cases.map(({ service, operation }) => `${service} ${operation}`))
  const different = [...compared.values()].filter((found) => Object.keys(found).length).length
  const rows = known.flatMap(({ page, aws, right, found }) =>
    Object.entries(found).map(
      ([where, [here, there]]) =>
        `| ${cell(where)} | ${code(here)} | ${code(there)} | ${cell(aws)} (${page}) | ${right} |`,
    ),
  )
  return `# Conformance

We wrote the local organization, and also its tests. \`npm run test:conformance\` compares the local organization with an
AWS that we did not write, [moto](https://github.com/getmoto/moto) ${program.version}. The command makes the same calls through the
real AWS SDK on both sides, and compares the answers and the names of the errors. Values that each side generates (ids,
dates, account numbers) are masked. The command needs Python 3.11 or newer, and PyPI the first time: moto is installed in
its own virtual environment, \`.conformance/\`.

**${operations.size} operations, ${cases.length} cases: ${cases.length - different} equal, ${different} different.**

The table lists every difference, and what AWS's documentation says about the difference. The suite fails if there is a
difference that is not listed, and also if a listed difference no longer exists. The column "Right" says whose answer the
documentation confirms: \`both\` means that the documentation allows either answer. _answers_ means that the call succeeds.
_nothing_ means that the field is missing.

Control Tower has no cases, because moto does not have the service. Its operations follow AWS's API model.
Three operations that only \`npx vend verify\` calls have no cases: GetTemplate, GetFunction and GetFunctionConfiguration. The
local organization runs the functions from the sources, so \`npx vend verify\` refuses to run there.

The table's source is [differences.ts](../test/conformance/differences.ts); \`npm run test:conformance -- -u\` writes this page.

| Case | The local organization | moto | AWS's documentation | Right |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

test('docs/conformance.md has the present results', async ({ skip }) => {
  if (compared.size < cases.length) skip('Not every case was run')
  const file = path.join(import.meta.dirname, '../../docs/conformance.md')
  const config = await resolveConfig(file)
  await expect(await format(page(), { ...config, parser: 'markdown' })).toMatchFileSnapshot(file)
})
