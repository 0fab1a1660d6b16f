import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { accountOfEvent } from '../../functions/shared/event.ts'
import { eventOfSweep, isEvent, isOfSweep } from '../../functions/shared/event-shape.ts'
import { accountId, aSample, issuesOf, managementAccountId } from '../support/builders.ts'

const succeeded = [
  'create-account-result-succeeded',
  'create-managed-account-succeeded',
  'update-managed-account-succeeded',
  'account-joined-organization',
  'enable-baseline-succeeded',
]
const failed = ['create-account-result-failed', 'create-managed-account-failed', 'update-managed-account-failed']
const apiCalls = ['create-account-by-role', 'create-account-by-iam-user', 'create-account-by-root']
// Events that name an account but must not start a vend.
const others = [
  'account-departed-organization',
  'accept-handshake',
  'move-account',
  'close-account',
  'close-account-result',
]

const callers = [
  ...apiCalls.map((name) => aSample(name).detail['userIdentity']),
  { type: 'Root', principalId: accountId, arn: `arn:aws:iam::${accountId}:root`, accountId },
  { type: 'AWSService', invokedBy: 'controltower.amazonaws.com' },
  { type: 'AWSAccount', principalId: '777788889999', accountId: '777788889999' },
]

const withCaller = (name: string, userIdentity: unknown) => {
  const event = aSample(name)
  return { ...event, detail: { ...event.detail, userIdentity } }
}

describe.each(succeeded)('%s', (name) => {
  test('names the new account', () => {
    expect(accountOfEvent(aSample(name), managementAccountId)).toBe(accountId)
  })

  test.each(callers)('names the new account whoever called: %o', (caller) => {
    expect(accountOfEvent(withCaller(name, caller), managementAccountId)).toBe(accountId)
  })

  test('may gain and lose fields that are not needed', () => {
    const event = aSample(name)
    const detail: Record<string, unknown> = { ...event.detail, eventVersion: '9.0', added: ['new'] }
    for (const field of ['managementEvent', 'eventCategory', 'userAgent']) delete detail[field]
    const changed = { ...event, 'trace-header': 'Root=1', detail }
    expect(accountOfEvent(changed, managementAccountId)).toBe(accountId)
  })
})

test.each([
  ['of a unit', { targetIdentifier: 'arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111' }],
  ['that is not finished', { statusSummary: { status: 'UNDER_CHANGE' } }],
  ['that failed', { statusSummary: { status: 'FAILED' } }],
  ['without a target', { targetIdentifier: undefined }],
])('a baseline %s starts no vend', (_, more) => {
  const event = aSample('enable-baseline-succeeded')
  const status = event.detail['serviceEventDetails'] as { enableBaselineStatus: { enabledBaselineDetails: object } }
  const enabledBaselineDetails = { ...status.enableBaselineStatus.enabledBaselineDetails, ...more }
  const detail = { ...event.detail, serviceEventDetails: { enableBaselineStatus: { enabledBaselineDetails } } }
  const [issue] = issuesOf(() => accountOfEvent({ ...event, detail }, managementAccountId))
  expect(issue?.field).toContain('detail.serviceEventDetails.enableBaselineStatus.enabledBaselineDetails')
})

test.each(failed)('%s is refused, by its state', (name) => {
  const [issue] = issuesOf(() => accountOfEvent(aSample(name), managementAccountId))
  expect(issue?.field).toMatch(/^detail\.serviceEventDetails\.\w+Status\.state$/)
  expect(issue?.message).toContain('must be SUCCEEDED')
})

test.each([...apiCalls, ...others])('%s is refused: it vends nobody', (name) => {
  expect(issuesOf(() => accountOfEvent(aSample(name), managementAccountId))).toEqual([
    { field: 'detail', message: expect.stringContaining('must belong to an event that starts a vend') as string },
  ])
})

test.each([...failed, ...apiCalls])('%s is refused whoever called', (name) => {
  for (const caller of callers)
    expect(issuesOf(() => accountOfEvent(withCaller(name, caller), managementAccountId))).toEqual(
      issuesOf(() => accountOfEvent(aSample(name), managementAccountId)),
    )
})

const joinedWith = (detail: object) => {
  const event = aSample('account-joined-organization')
  return { ...event, detail: { ...event.detail, serviceEventDetails: undefined, ...detail } }
}

describe('AccountJoinedOrganization, whose shape AWS does not publish,', () => {
  test.each([
    { serviceEventDetails: { account: { id: accountId } } },
    { requestParameters: { accountId } },
    { responseElements: { joined: [{ accounts: [accountId, accountId] }] } },
    { serviceEventDetails: { accountId, managementAccountId } },
    // An account that was moved: the previous organization's management account is not the one that joined.
    { serviceEventDetails: { joined: { accountId, previousOrganization: { managementAccountId: '999988887777' } } } },
    { serviceEventDetails: { joined: { accountId, previousManagementAccount: '999988887777' } } },
  ])('names its account in any place: %o', (detail) => {
    expect(accountOfEvent(joinedWith(detail), managementAccountId)).toBe(accountId)
  })

  test.each([
    [accountId, '777788889999'],
    ['777788889999', accountId],
  ])('is refused if it names two accounts in the same way', (...ids) => {
    const event = joinedWith({ serviceEventDetails: ids.map((accountId) => ({ accountId })) })
    expect(issuesOf(() => accountOfEvent(event, managementAccountId))).toHaveLength(1)
  })

  test('is refused if it names two member accounts', () => {
    expect(
      issuesOf(() =>
        accountOfEvent(joinedWith({ requestParameters: { from: accountId, to: '777788889999' } }), managementAccountId),
      ),
    ).toEqual([
      { field: 'detail', message: `must name exactly one member account, but names ${accountId}, 777788889999` },
    ])
  })

  test('is not about the account to which CloudTrail delivered it', () => {
    const event = joinedWith({ requestParameters: { accountId }, recipientAccountId: '777788889999' })
    expect(accountOfEvent(event, managementAccountId)).toBe(accountId)
  })

  test('is refused if it names the management account alone', () => {
    const event = joinedWith({ serviceEventDetails: { accountId: managementAccountId } })
    expect(issuesOf(() => accountOfEvent(event, managementAccountId))).toHaveLength(1)
  })
})

test.each([
  ['12 digits with a letter', '44445555666a', 'must be an account ID: 12 digits, as a string'],
  ['a number', 444455556666, 'must be text: write it in quotes'],
  ['too few digits', '44445555666', 'must be an account ID: 12 digits, as a string'],
])('an account id that is %s is refused by its field and the broken rule', (_, id, message) => {
  const event = aSample('create-account-result-succeeded')
  const status = { state: 'SUCCEEDED', accountId: id }
  const changed = { ...event, detail: { ...event.detail, serviceEventDetails: { createAccountStatus: status } } }
  expect(issuesOf(() => accountOfEvent(changed, managementAccountId))).toEqual([
    {
      field: 'detail.serviceEventDetails.createAccountStatus.accountId',
      message,
    },
  ])
})

test.each([undefined, null, 'text', [], {}, { 'detail-type': 'x', source: 1, detail: null }])(
  'an input that is not an event is refused: %o',
  (event) => {
    expect(issuesOf(() => accountOfEvent(event, managementAccountId)).length).toBeGreaterThan(0)
  },
)

test('the sweep’s own event is an event for the account that it names, and says that it is the sweep’s', () => {
  const event = eventOfSweep(accountId)
  expect(accountOfEvent(event, managementAccountId)).toBe(accountId)
  expect([isEvent(event), isOfSweep(event)]).toEqual([true, true])
  for (const name of [...succeeded, ...failed]) expect(isOfSweep(aSample(name))).toBe(false)
})

test('an input is an event if it has a detail-type', () => {
  for (const name of [...succeeded, ...failed, ...apiCalls]) expect(isEvent(aSample(name))).toBe(true)
  for (const input of [undefined, null, 'detail-type', [], {}, { accountId }]) expect(isEvent(input)).toBe(false)
})

describe('the rules', () => {
  type Pattern = { [key: string]: unknown[] | Pattern }
  type Rule = { Type: string; Properties: { EventPattern?: Pattern; Targets: { Id: string }[] } }
  const intrinsic = ['!Ref', '!GetAtt', '!Sub'].map((tag) => ({ tag, resolve: (text: string) => `${tag} ${text}` }))
  const { Resources } = parse(readFileSync('infra/rules.yml', 'utf8'), { customTags: intrinsic }) as {
    Resources: Record<string, Rule>
  }
  const rules = Object.values(Resources).filter(({ Type }) => Type === 'AWS::Events::Rule')
  const beginsWith = (one: unknown, value: unknown) =>
    typeof one === 'object' &&
    one !== null &&
    'prefix' in one &&
    String(value).startsWith(
      String(one.prefix)
        .replace('!Sub ', '')
        .replace('${AWS::Partition}', 'aws')
        .replace('${AWS::AccountId}', managementAccountId),
    )
  const takes = (pattern: Pattern | unknown[], value: unknown): boolean =>
    Array.isArray(pattern)
      ? pattern.includes(value) ||
        pattern.some((one) => beginsWith(one, value)) ||
        (pattern.includes('!Ref AWS::AccountId') && value === managementAccountId)
      : Object.entries(pattern).every(([key, part]) => takes(part, (value as Record<string, unknown> | null)?.[key]))
  const targetsOf = (event: unknown) =>
    rules
      .filter(({ Properties }) => Properties.EventPattern && takes(Properties.EventPattern, event))
      .flatMap(({ Properties }) => Properties.Targets.map(({ Id }) => Id))

  test.each(succeeded)('%s starts one vend', (name) => {
    expect(targetsOf(aSample(name))).toEqual(['VendAccount'])
  })

  test.each(failed)('%s is reported, and starts no vend', (name) => {
    expect(targetsOf(aSample(name))).toEqual(['ReportFailure'])
  })

  test.each(apiCalls)('%s matches no rule', (name) => {
    expect(targetsOf(aSample(name))).toEqual([])
  })

  test.each([...succeeded, ...failed])('%s of another account matches no rule', (name) => {
    expect(targetsOf({ ...aSample(name), account: '777788889999' })).toEqual([])
  })
})
