import type { Vending } from '../../functions/shared/vending.ts'

/** The partition that a Region is in, by its name (AWS General Reference, and the SDKs' endpoint data). */
export const partitionOf = (region: string) =>
  [
    ['cn-', 'aws-cn'],
    ['us-gov-', 'aws-us-gov'],
    ['eusc-', 'aws-eusc'],
    ['us-iso', 'aws-iso'],
    ['eu-iso', 'aws-iso'],
  ].find(([prefix = '']) => region.startsWith(prefix))?.[1] ?? 'aws'

/** Says, a line each, why the service cannot work in a Region: by what its partition lacks, or by what vending.yml names. */
export const regionIssues = (vending: Vending, region: string) => {
  const partition = partitionOf(region)
  if (partition === 'aws-cn')
    return [
      `${region} is in China (aws-cn), where there is no SES to send the mails and no Control Tower; aws and aws-us-gov have both`,
    ]
  if (partition !== 'aws' && partition !== 'aws-us-gov')
    return [
      `${region} is in the partition ${partition}, whose sign-in page and services are not known here; aws and aws-us-gov are`,
    ]
  const named: [key: string, arns: string[]][] = [
    ['secretReaders', vending.secretReaders],
    ['operators', vending.operators],
    ['requesters', vending.requesters],
    ...[vending.groups, vending.admins].flatMap((all, i) =>
      all.map(({ policies }, j): [string, string[]] => [`${i ? 'admins' : 'groups'}[${j}].policies`, policies]),
    ),
  ]
  return named.flatMap(([key, arns]) =>
    arns.flatMap((arn, i) =>
      arn.startsWith('arn:') && !arn.startsWith(`arn:${partition}:`)
        ? [`${key}[${i}]: ${arn} must begin with arn:${partition}: for ${region}`]
        : [],
    ),
  )
}
