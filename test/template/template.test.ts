import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending } from '../support/organization.ts'
import { type Packaged, packagedTemplate, type Resource } from '../support/packaged.ts'
import { openRoutes } from '../support/template-table.ts'
import { accepted } from './accepted.ts'
import { cfnLint, checkov, type Finding } from './linters.ts'

// Runs cfn-lint and checkov on the packaged template.

const folder = temporaryFolder()
const save = (name: string, template: object) => {
  const file = path.join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify(template))
  return file
}
const isAccepted = ({ check, resource }: Finding) =>
  accepted.some((one) => one.check === check && one.resources.test(resource))
const notAccepted = (findings: Finding[]) =>
  findings.filter((finding) => !isAccepted(finding)).map(({ check, resource, what }) => `${check} ${resource}: ${what}`)

let service: Packaged
let file: string
beforeAll(async () => {
  service = await packagedTemplate({})
  file = save('template', service.template)
})

describe('cfn-lint', () => {
  const gov = () =>
    Object.fromEntries(
      Object.entries(parse(readFileSync(exampleVending, 'utf8')) as Record<string, unknown>)
        .filter(([key]) => ['secretReaders', 'operators', 'requesters'].includes(key))
        .map(([key, arns]) => [key, (arns as string[]).map((arn) => arn.replace('arn:aws:', 'arn:aws-us-gov:'))]),
    )

  test('finds nothing in the template for us-east-1', async () => {
    expect(notAccepted(await cfnLint(file, 'us-east-1'))).toEqual([])
  })

  test('finds nothing in the template for us-gov-west-1', async () => {
    const { template } = await packagedTemplate(gov(), '--region', 'us-gov-west-1')
    expect(notAccepted(await cfnLint(save('gov', template), 'us-gov-west-1'))).toEqual([])
  })

  test('sees a property that CloudFormation does not know', async () => {
    const wrong = structuredClone(service.template)
    wrong.Resources['Ledger']!.Properties['Billing'] = 'none'
    const found = notAccepted(await cfnLint(save('wrong', wrong), 'us-east-1'))
    expect(found).toEqual([expect.stringMatching(/^E3002 Ledger/)])
  })
})

describe('checkov', () => {
  let all: Finding[]
  test('finds nothing except the accepted findings', async () => {
    const { passed, parsingErrors, findings } = await checkov(file)
    all = findings
    expect(parsingErrors).toEqual([])
    expect(passed).toBeGreaterThan(100)
    expect(notAccepted(findings)).toEqual([])
  })

  test('still finds everything that is accepted', async () => {
    const findings = [...all, ...(await cfnLint(file, 'us-east-1'))]
    for (const { check, resources } of accepted)
      expect(
        findings.some((one) => one.check === check && resources.test(one.resource)),
        check,
      ).toBe(true)
  })

  test.each<[string, (resources: Record<string, Resource>) => void]>([
    ['CKV_AWS_158 SweepLogGroup', (all) => delete all['SweepLogGroup']!.Properties['KmsKeyId']],
    ['CKV_AWS_26 AlarmTopic', (all) => delete all['AlarmTopic']!.Properties['KmsMasterKeyId']],
    ['CKV_AWS_28 Ledger', (all) => delete all['Ledger']!.Properties['PointInTimeRecoverySpecification']],
    ['CKV_AWS_7 PasswordKey', (all) => delete all['PasswordKey']!.Properties['EnableKeyRotation']],
  ])('notices a missing protection: %s', async (finding, takeAway) => {
    const wrong = structuredClone(service.template)
    takeAway(wrong.Resources)
    const { findings } = await checkov(save(finding.split(' ')[0] ?? '', wrong))
    expect(notAccepted(findings)).toEqual([expect.stringContaining(finding)])
  })
})

test('every log group is encrypted with the log key and has a retention time', () => {
  const groups = Object.entries(service.resources).filter(([, { Type }]) => Type === 'AWS::Logs::LogGroup')
  const functions = Object.values(service.resources).filter(({ Type }) => Type === 'AWS::Lambda::Function')
  // One for each function, the workflow and the API.
  expect(groups).toHaveLength(functions.length + 2)
  for (const [name, { Properties }] of groups)
    expect(Properties, name).toMatchObject({ RetentionInDays: 90, KmsKeyId: { 'Fn::GetAtt': ['LogKey', 'Arn'] } })
})

test('the API is throttled, logs who called, and asks for IAM’s authorisation at every route but the page’s', () => {
  const stage = Object.values(service.resources).find(({ Type }) => Type === 'AWS::ApiGatewayV2::Stage')
  expect(stage?.Properties).toMatchObject({
    DefaultRouteSettings: { ThrottlingBurstLimit: 20, ThrottlingRateLimit: 10 },
    AccessLogSettings: { Format: expect.stringContaining('$context.identity.userArn') as string },
  })
  const routes = Object.values(service.resources).filter(({ Type }) => Type === 'AWS::ApiGatewayV2::Route')
  const open = routes.filter(({ Properties }) => Properties['AuthorizationType'] !== 'AWS_IAM')
  expect(open.map(({ Properties }) => Properties['RouteKey']).sort()).toEqual([...openRoutes].sort())
  expect(routes.length).toBeGreaterThan(open.length)
})
