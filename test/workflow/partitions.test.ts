import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { bundleFunctions } from '../../local/run-function.ts'
import { exampleVending } from '../support/organization.ts'
import { packagedTemplate } from '../support/packaged.ts'

// The template and the functions must work in each partition of AWS, so they must not name another partition.

const { secretReaders, operators, requesters } = parse(readFileSync(exampleVending, 'utf8')) as Record<string, string[]>
const inPartition = (partition: string) =>
  Object.fromEntries(
    Object.entries({ secretReaders, operators, requesters }).map(([key, arns = []]) => [
      key,
      arns.map((arn) => arn.replace(/^arn:[^:]+:/, `arn:${partition}:`)),
    ]),
  )

test.each([
  ['aws', 'us-east-1'],
  ['aws-us-gov', 'us-gov-west-1'],
])(
  'the packaged template fits the partition %s',
  async (partition, region) => {
    const { template, file } = await packagedTemplate(inPartition(partition), '--region', region)
    const text = JSON.stringify(template)
    const partitions = [...text.matchAll(/arn:(\$\{AWS::Partition\}|[^:"]+):/g)].map(([, name]) => name)
    expect(partitions.length).toBeGreaterThan(50)
    // In other partitions, a literal partition can only come from an ARN in vending.yml.
    expect([...new Set(partitions)].sort()).toEqual(['${AWS::Partition}', partition].sort())
    const regions = new Set([...text.matchAll(/\b(us|eu|ap|cn)(-gov|-iso\w?)?-[a-z]+-\d\b/g)].map(([name]) => name))
    expect([...regions].filter((name) => name !== region)).toEqual([])
    // The template names each trusted service without a partition's suffix, or with the stack's own suffix.
    const services = [...text.matchAll(/"Service":("[^"]+"|\{[^}]+\}|\[[^\]]+\])/g)].map(([, name]) => name)
    expect(services.length).toBeGreaterThan(5)
    for (const name of services) expect(name).not.toMatch(/amazonaws\.com\.cn|amazonaws-us-gov/)

    // The functions take the partition from ARNs that they get.
    for (const [name, bundle] of await bundleFunctions(file)) {
      const own = bundle.match(/["'`]arn:aws[\w-]*:(?!\$)[^"'`]{0,60}/g) ?? []
      expect(
        own.filter((arn) => !arn.slice(1).startsWith(`arn:${partition}:`)),
        name,
      ).toEqual([])
    }
  },
  120_000,
)

const foreignIdentity = 'arn:aws:ses:eu-west-1:444455556666:identity/example.com'
test.each<[region: string, reason: string, overrides?: object]>([
  [
    'us-east-1',
    `senderIdentity: ${foreignIdentity} must begin with arn:aws:ses:us-east-1: for us-east-1`,
    { senderIdentity: foreignIdentity },
  ],
  ['cn-northwest-1', 'which has neither SES, which sends the mails, nor Control Tower'],
  ['us-iso-east-1', 'whose sign-in page and services are not known;'],
  [
    'us-gov-west-1',
    'secretReaders[0]: arn:aws:iam::111122223333:role/platform-team must begin with arn:aws-us-gov: for us-gov-west-1',
  ],
])(
  'packaging for %s fails and says why',
  async (region, reason, overrides = {}) => {
    await expect(packagedTemplate(overrides, '--region', region)).rejects.toMatchObject({
      stdout: expect.stringContaining(reason) as string,
    })
  },
  60_000,
)
