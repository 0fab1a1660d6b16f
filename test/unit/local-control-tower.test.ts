import {
  AccountClient,
  GetAlternateContactCommand,
  PutAlternateContactCommand,
  type PutAlternateContactCommandInput,
} from '@aws-sdk/client-account'
import { MoveAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nameConnectionFailure } from '../../functions/shared/aws-errors.ts'
import { controlTower, isAutoEnrolmentOn } from '../../functions/shared/control-tower.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { limitRates } from '../../local/aws/rates.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { manualClock } from '../support/manual-clock.ts'

let clock = manualClock()
let world = createWorld(clock)
let endpoint: Awaited<ReturnType<typeof startEndpoint>>
let events: object[] = []

const clientConfig = (accessKeyId: string) => ({
  endpoint: endpoint.url,
  region: 'us-east-1',
  credentials: { accessKeyId, secretAccessKey: 'local' },
  maxAttempts: 1,
})

beforeEach(async () => {
  clock = manualClock()
  events = []
  world = createWorld({ ...clock, emit: (event) => events.push(event) })
  endpoint = await startEndpoint(world)
})
afterEach(() => endpoint.close())

const legacy = '555555555555'
const contact = {
  AlternateContactType: 'SECURITY',
  Name: 'Ada Lovelace',
  Title: 'Security Officer',
  EmailAddress: 'ada@example.com',
  PhoneNumber: '+49 (30) 1234-5',
} as const
const put = (more: Partial<PutAlternateContactCommandInput> = {}, caller = world.managementAccountId) =>
  new AccountClient(clientConfig(caller)).send(
    new PutAlternateContactCommand({ ...contact, AccountId: legacy, ...more }),
  )
const get = (more: object = {}, caller = world.managementAccountId) =>
  new AccountClient(clientConfig(caller)).send(
    new GetAlternateContactCommand({ AlternateContactType: 'SECURITY', AccountId: legacy, ...more }),
  )

test('an alternate contact is kept, and a second one of the type replaces it', async () => {
  world.trustedServices.add('account.amazonaws.com')
  await expect(get()).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
  await put()
  expect((await get()).AlternateContact).toEqual(contact)
  await put({ Name: 'Grace Hopper' })
  expect((await get()).AlternateContact?.Name).toBe('Grace Hopper')
  await expect(get({ AlternateContactType: 'BILLING' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' })
})

test('without trusted access, the management account may not name an account', async () => {
  await expect(put()).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('must first enable trusted access') as string,
    $metadata: { httpStatusCode: 403 },
  })
  await put({ AccountId: undefined }, legacy)
  expect(world.accounts.get(legacy)?.alternateContacts.size).toBe(1)
})

test('the management account never names itself, and a member account never names any', async () => {
  world.trustedServices.add('account.amazonaws.com')
  await expect(put({ AccountId: world.managementAccountId })).rejects.toMatchObject({
    name: 'AccessDeniedException',
    message: expect.stringContaining('standalone context') as string,
  })
  await expect(put({}, '111111111111')).rejects.toMatchObject({ name: 'AccessDeniedException' })
  await expect(put({ AccountId: '999999999999' })).rejects.toMatchObject({ name: 'AccessDeniedException' })
  await put({ AccountId: undefined })
  expect(world.accounts.get(world.managementAccountId)?.alternateContacts.size).toBe(1)
})

test.each([
  ['Name', '', 'name'],
  ['Name', 'x'.repeat(65), 'name'],
  ['Title', 'x'.repeat(51), 'title'],
  ['Title', undefined, 'title'],
  ['EmailAddress', 'ada', 'emailAddress'],
  ['EmailAddress', `${'x'.repeat(243)}@example.com`, 'emailAddress'],
  ['PhoneNumber', '+49 ext. 1', 'phoneNumber'],
  ['PhoneNumber', '1'.repeat(26), 'phoneNumber'],
  ['AlternateContactType', 'LEGAL', 'alternateContactType'],
])('a contact with the %s %j is refused', async (field, value, name) => {
  world.trustedServices.add('account.amazonaws.com')
  await expect(put({ [field]: value })).rejects.toMatchObject({
    name: 'ValidationException',
    reason: 'fieldValidationFailed',
    fieldList: [expect.objectContaining({ name })],
  })
})

test('PutAlternateContact is limited to six at once and one a second', async () => {
  world.trustedServices.add('account.amazonaws.com')
  limitRates(world)
  for (let i = 0; i < 6; i++) await put()
  await expect(put()).rejects.toMatchObject({
    name: 'TooManyRequestsException',
    $metadata: { httpStatusCode: 429 },
  })
  clock.advance(1)
  await put()
})

/** A signed call of a service that has no SDK client here. */
const call = async (path: string, input: object, service = 'controltower') => {
  const authorization = `AWS4-HMAC-SHA256 Credential=${world.managementAccountId}/20261101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`
  const response = await fetch(endpoint.url + path, {
    method: 'POST',
    headers: { authorization },
    body: JSON.stringify(input),
  })
  return {
    status: response.status,
    error: response.headers.get('x-amzn-errortype'),
    body: (await response.json()) as Record<string, unknown>,
  }
}

const targetArn = (accountId: string) => `arn:aws:organizations::111122223333:account/o-exampleorgid/${accountId}`
const baselineOf = async (accountId: string) => {
  const { body } = await call('/list-enabled-baselines', {
    filter: { targetIdentifiers: [targetArn(accountId)] },
    includeChildren: true,
  })
  return (body['enabledBaselines'] as { statusSummary: { status: string } }[]).map(
    ({ statusSummary }) => statusSummary.status,
  )
}
const move = (AccountId: string, SourceParentId: string, DestinationParentId: string) =>
  new OrganizationsClient(clientConfig(world.managementAccountId)).send(
    new MoveAccountCommand({ AccountId, SourceParentId, DestinationParentId }),
  )
const useControlTower = (isEnrolling: boolean) => {
  world.landingZone = { version: '4.0', status: 'ACTIVE', isEnrolling }
  world.organizationalUnits.get('ou-exam-sandbox0')!.isRegistered = true
}

test('the landing zone says whether it enrols accounts', async () => {
  expect(await call('/list-landingzones', {})).toMatchObject({ status: 200, body: { landingZones: [] } })
  useControlTower(true)
  const { body } = await call('/list-landingzones', {})
  const [{ arn } = { arn: '' }] = body['landingZones'] as { arn: string }[]
  expect(await call('/get-landingzone', { landingZoneIdentifier: arn })).toMatchObject({
    status: 200,
    body: { landingZone: { arn, version: '4.0', status: 'ACTIVE', remediationTypes: ['INHERITANCE_DRIFT'] } },
  })
  expect(await call('/get-landingzone', { landingZoneIdentifier: `${arn}x` })).toMatchObject({
    status: 404,
    error: 'ResourceNotFoundException',
  })
  useControlTower(false)
  expect((await call('/get-landingzone', { landingZoneIdentifier: arn })).body).not.toHaveProperty(
    'landingZone.remediationTypes',
  )
})

test('an account that moves into a registered unit is enrolled after ten minutes, and no longer when it leaves', async () => {
  useControlTower(true)
  const { id } = addAccount(world)
  await move(id, 'r-exam', 'ou-exam-production')
  expect(await baselineOf(id)).toEqual([])
  await move(id, 'ou-exam-production', 'ou-exam-sandbox0')
  expect(await baselineOf(id)).toEqual(['UNDER_CHANGE'])
  clock.advance(599)
  expect(events).toEqual([])
  clock.advance(1)
  expect(await baselineOf(id)).toEqual(['SUCCEEDED'])
  expect(world.accounts.get(id)?.roleName).toBe('AWSControlTowerExecution')
  expect(events).toMatchObject([
    {
      source: 'aws.controltower',
      detail: {
        eventName: 'EnableBaseline',
        serviceEventDetails: {
          enableBaselineStatus: {
            enabledBaselineDetails: { targetIdentifier: targetArn(id), statusSummary: { status: 'SUCCEEDED' } },
          },
        },
      },
    },
  ])
  await move(id, 'ou-exam-sandbox0', 'r-exam')
  expect(await baselineOf(id)).toEqual([])
})

test('an account that leaves during its enrolment is not enrolled', async () => {
  useControlTower(true)
  const { id } = addAccount(world)
  await move(id, 'r-exam', 'ou-exam-sandbox0')
  await move(id, 'ou-exam-sandbox0', 'r-exam')
  clock.advance(600)
  expect(events).toEqual([])
  expect(world.accounts.get(id)?.roleName).toBe('OrganizationAccountAccessRole')
})

test('without auto-enrolment, moving an account enrols nothing', async () => {
  useControlTower(false)
  const { id } = addAccount(world)
  await move(id, 'r-exam', 'ou-exam-sandbox0')
  clock.advance(600)
  expect(await baselineOf(id)).toEqual([])
})

test('the baselines of accounts are children, which are listed only on request', async () => {
  useControlTower(true)
  const { id } = addAccount(world)
  await move(id, 'r-exam', 'ou-exam-sandbox0')
  const list = async (input: object) =>
    ((await call('/list-enabled-baselines', input)).body['enabledBaselines'] as { targetIdentifier: string }[]).map(
      ({ targetIdentifier }) => targetIdentifier,
    )
  const unit = 'arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-exam-sandbox0'
  expect(await list({})).toEqual([unit])
  expect(await list({ includeChildren: true })).toEqual([unit, targetArn(id)])
  expect(await call('/list-enabled-baselines', { filter: { targetIdentifiers: [] } })).toMatchObject({
    status: 400,
    error: 'ValidationException',
  })
})

test('a path belongs to the service that the call is signed for', async () => {
  expect(await call('/list-landingzones', {}, 'account')).toMatchObject({ error: 'UnsupportedByLocalOrganization' })
})

test('an answer of a proxy, which is no JSON, is a failure that a Retry matches', async () => {
  const proxied = await startEndpoint(world, {
    intercept: () => {
      throw new AwsError('', 'Service Unavailable', 503)
    },
  })
  const { config } = new OrganizationsClient({ ...clientConfig(world.managementAccountId), endpoint: proxied.url })
  const call = controlTower({ config }, { region: 'us-east-1', endpointUrl: proxied.url })
  const error = await isAutoEnrolmentOn(call).catch(nameConnectionFailure)
  expect(error).toMatchObject({ name: 'AwsUnreachableError', message: 'No answer from AWS (HTTP 503): Unknown' })
  await proxied.close()
})
