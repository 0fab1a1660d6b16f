import { AwsError, unsupported } from './aws-error.ts'
import { busEvent } from './eventbridge.ts'
import type { Operations } from './operation.ts'
import { type Account, type EnabledBaseline, lettersAndDigits, randomText, type World } from './world.ts'

/** The event CreateManagedAccount of a succeeded enrollment (Control Tower User Guide, lifecycle-events). */
export const managedAccountEvent = (world: World, accountId: string, accountName: string) =>
  busEvent(world, {
    source: 'aws.controltower',
    detailType: 'AWS Service Event via CloudTrail',
    detail: {
      eventName: 'CreateManagedAccount',
      serviceEventDetails: {
        createManagedAccountStatus: { account: { accountName, accountId }, state: 'SUCCEEDED' },
      },
    },
  })

const enrolmentSeconds = 600
/** The baseline that Control Tower enables in accounts (Control Tower User Guide, types-of-baselines). */
const accountBaseline = 'arn:aws:controltower:us-east-1::baseline/17BSJV3IGJ2QSGA2'

const arnOf = ({ region, managementAccountId }: World, resource: string) =>
  `arn:aws:controltower:${region}:${managementAccountId}:${resource}`

const targetOf = ({ managementAccountId, organizationId }: World, kind: 'account' | 'ou', id: string) =>
  `arn:aws:organizations::${managementAccountId}:${kind}/${organizationId}/${id}`

const unitBaselineArn = (world: World, unitId: string) =>
  arnOf(world, `enabledbaseline/XO${unitId.slice('ou-'.length).replaceAll('-', '').toUpperCase()}`)

const describeUnit = (world: World, unitId: string) => ({
  arn: unitBaselineArn(world, unitId),
  baselineIdentifier: accountBaseline,
  baselineVersion: '5.0',
  targetIdentifier: targetOf(world, 'ou', unitId),
  statusSummary: { status: 'SUCCEEDED' },
})

const describeBaseline = (world: World, accountId: string, { id, unitId, status }: EnabledBaseline) => ({
  arn: arnOf(world, `enabledbaseline/${id}`),
  parentIdentifier: unitBaselineArn(world, unitId),
  baselineIdentifier: accountBaseline,
  baselineVersion: '5.0',
  targetIdentifier: targetOf(world, 'account', accountId),
  statusSummary: { status },
})

/** The event EnableBaseline, which ends an enrolment by auto-enrolment. */
const enabledBaselineEvent = (world: World, accountId: string, baseline: EnabledBaseline, requestedAt: number) =>
  busEvent(world, {
    source: 'aws.controltower',
    detailType: 'AWS Service Event via CloudTrail',
    detail: {
      eventSource: 'controltower.amazonaws.com',
      eventName: 'EnableBaseline',
      eventType: 'AwsServiceEvent',
      serviceEventDetails: {
        enableBaselineStatus: {
          enabledBaselineDetails: describeBaseline(world, accountId, baseline),
          requestedTimestamp: new Date(requestedAt).toISOString(),
          completedTimestamp: new Date(world.now()).toISOString(),
        },
      },
    },
  })

/**
 * Auto-enrolment, after an account was moved (Control Tower User Guide, account-auto-enrollment): a registered unit
 * enrols the account, any other place ends its enrolment.
 */
export const enrolIfGoverned = (world: World, account: Account) => {
  if (!world.landingZone?.isEnrolling) return
  if (!world.organizationalUnits.get(account.parentId)?.isRegistered) {
    account.baseline = null
    return
  }
  const baseline: EnabledBaseline = {
    id: `XA${randomText(world, lettersAndDigits, 15)}`,
    status: 'UNDER_CHANGE',
    unitId: account.parentId,
  }
  account.baseline = baseline
  const requestedAt = world.now()
  world.setTimer(enrolmentSeconds, () => {
    // The account may have been moved away in the meantime.
    if (account.baseline !== baseline) return
    baseline.status = 'SUCCEEDED'
    account.roleName = 'AWSControlTowerExecution'
    world.emit(enabledBaselineEvent(world, account.id, baseline, requestedAt))
  })
}

const zoneArn = (world: World) => arnOf(world, 'landingzone/1A2B3C4D5E6F7G8H')

const listLandingZones = (world: World) => ({ landingZones: world.landingZone ? [{ arn: zoneArn(world) }] : [] })

const getLandingZone = (world: World, { landingZoneIdentifier = '' }: { landingZoneIdentifier?: string }) => {
  const { landingZone } = world
  if (!landingZone || landingZoneIdentifier !== zoneArn(world))
    throw new AwsError('ResourceNotFoundException', 'The landing zone does not exist.', 404)
  const { version, status, isEnrolling } = landingZone
  return {
    landingZone: {
      arn: zoneArn(world),
      version,
      latestAvailableVersion: version,
      status,
      manifest: {},
      // The list has exactly one member where it is there.
      ...(isEnrolling && { remediationTypes: ['INHERITANCE_DRIFT'] }),
    },
  }
}

type ListEnabledBaselines = {
  filter?: { targetIdentifiers?: string[] }
  includeChildren?: boolean
  maxResults?: number
  nextToken?: string
}

/** The baseline of an account is a child of its unit's, and only `includeChildren` lists children. */
const listEnabledBaselines = (
  world: World,
  { filter = {}, includeChildren = false, maxResults = 100, nextToken = '0' }: ListEnabledBaselines,
) => {
  const { targetIdentifiers, ...others } = filter
  if (Object.keys(others).length) throw unsupported(`the filter ${Object.keys(others).join()} of ListEnabledBaselines`)
  const isWrong = targetIdentifiers && (targetIdentifiers.length < 1 || targetIdentifiers.length > 5)
  if (isWrong || maxResults < 5 || maxResults > 100)
    throw new AwsError('ValidationException', 'targetIdentifiers has 1 to 5 members, and maxResults is 5 to 100.')
  const units = [...world.organizationalUnits.values()].filter(({ isRegistered }) => isRegistered && world.landingZone)
  const accounts = [...world.accounts.values()].filter(() => includeChildren)
  const enabled = [
    ...units.map(({ id }) => describeUnit(world, id)),
    ...accounts.flatMap(({ id, baseline }) => (baseline ? [describeBaseline(world, id, baseline)] : [])),
  ].filter(({ targetIdentifier }) => targetIdentifiers?.includes(targetIdentifier) ?? true)
  const end = Number(nextToken) + maxResults
  return {
    enabledBaselines: enabled.slice(Number(nextToken), end),
    ...(end < enabled.length && { nextToken: String(end) }),
  }
}

/** Control Tower's operations, as far as they tell what is enrolled. */
export const controlTower: Operations = {
  ListLandingZones: listLandingZones,
  GetLandingZone: getLandingZone,
  ListEnabledBaselines: listEnabledBaselines,
}
