import type { Vending } from '../../functions/shared/vending.ts'

/** The partition of a Region, by the Region's name (AWS General Reference, and the endpoint data of the SDKs). */
export const partitionOf = (region: string) =>
  [
    ['cn-', 'aws-cn'],
    ['us-gov-', 'aws-us-gov'],
    ['eusc-', 'aws-eusc'],
    ['us-iso', 'aws-iso'],
    ['eu-iso', 'aws-iso'],
  ].find(([prefix = '']) => region.startsWith(prefix))?.[1] ?? 'aws'

/** Finds why the service cannot work in a Region: what its partition lacks, or what vending.yml names. A line each. */
export const regionIssues = (vending: Vending, region: string) => {
  const partition = partitionOf(region)
  if (partition === 'aws-cn')
    return [
      `${region} is in China (aws-cn), which has neither SES, which sends the mails, nor Control Tower; the partitions aws and aws-us-gov have both`,
    ]
  if (partition !== 'aws' && partition !== 'aws-us-gov')
    return [
      `${region} is in the partition ${partition}, whose sign-in page and services are not known; the known partitions are aws and aws-us-gov`,
    ]
  const { senderIdentity } = vending
  const named: [key: string, arns: string[]][] = [
    ['secretReaders', vending.secretReaders],
    ['operators', vending.operators],
    ['requesters', vending.requesters],
    ['approvers', vending.approvers],
    ...[vending.groups, vending.admins].flatMap((all, i) =>
      all.map(({ policies }, j): [string, string[]] => [`${i ? 'admins' : 'groups'}[${j}].policies`, policies]),
    ),
  ]
  return [
    // SES Developer Guide, sending-authorization-delegate-sender-tasks-email: the Region is that of the identity.
    ...(senderIdentity && !senderIdentity.startsWith(`arn:${partition}:ses:${region}:`)
      ? [`senderIdentity: ${senderIdentity} must begin with arn:${partition}:ses:${region}: for ${region}`]
      : []),
    ...named.flatMap(([key, arns]) =>
      arns.flatMap((arn, i) =>
        arn.startsWith('arn:') && !arn.startsWith(`arn:${partition}:`)
          ? [`${key}[${i}]: ${arn} must begin with arn:${partition}: for ${region}`]
          : [],
      ),
    ),
  ]
}
