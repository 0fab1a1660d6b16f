import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { makeClients } from '../support/clients.ts'
import { plan } from '../../cli/plan.ts'
import { changeClaim, claimLink, readHandover } from '../../functions/shared/handover.ts'
import { inspectPermissions } from '../../functions/create-admin-group/create-admin-group.ts'
import { builtInOperations, type Interception } from '../../local/aws/endpoint.ts'
import { type LocalOrganization, startOrganization } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { addAccount, addGroup, addOrganizationalUnit, addUser } from '../../local/aws/world.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { accountCreated } from '../support/events.ts'
import { vendingFile } from '../support/organization.ts'

// `vend plan` uses the workflow's own code, and these tests prove that it changes nothing. The lists below have every
// operation of the local organization, with the access level of AWS's Service Authorization Reference (List counts as
// read; Tagging and Permissions management count as write).

const reads: Record<string, string[]> = {
  iam: [
    'GetUser',
    'GetGroup',
    'GetGroupPolicy',
    'GetLoginProfile',
    'GetAccountPasswordPolicy',
    'GetPolicy',
    'GetRole',
    'ListOrganizationsFeatures',
    'GetPolicyVersion',
    'ListUsers',
    'ListRoles',
    'ListGroups',
    'ListGroupsForUser',
    'ListAttachedUserPolicies',
    'ListAttachedGroupPolicies',
    'ListGroupPolicies',
    'ListMFADevices',
    'GetUserPolicy',
    'ListUserPolicies',
    'GetAccountAuthorizationDetails',
    'ListAccessKeys',
    'ListSSHPublicKeys',
    'ListServiceSpecificCredentials',
    'ListSigningCertificates',
  ],
  sts: ['GetCallerIdentity'],
  organizations: [
    'DescribeAccount',
    'DescribeOrganization',
    'DescribeCreateAccountStatus',
    'ListCreateAccountStatus',
    'DescribePolicy',
    'ListParents',
    'ListAccounts',
    'ListPolicies',
    'ListTargetsForPolicy',
    'ListAWSServiceAccessForOrganization',
    'ListRoots',
    'ListOrganizationalUnitsForParent',
    'DescribeOrganizationalUnit',
    'ListTagsForResource',
    'ListPoliciesForTarget',
  ],
  account: ['GetAlternateContact'],
  controltower: ['ListLandingZones', 'GetLandingZone', 'ListEnabledBaselines'],
  secretsmanager: ['DescribeSecret', 'GetSecretValue', 'GetRandomPassword', 'ListSecrets'],
  ses: [
    'GetIdentityVerificationAttributes',
    'ListIdentities',
    'GetAccount',
    'GetConfigurationSet',
    'GetConfigurationSetEventDestinations',
  ],
  cloudtrail: ['DescribeTrails', 'GetTrailStatus', 'GetEventSelectors'],
  cloudformation: ['DescribeStacks'],
  lambda: ['GetAccountSettings', 'GetFunctionConcurrency'],
  states: ['DescribeExecution', 'DescribeStateMachine', 'DescribeStateMachineForExecution', 'ListExecutions'],
  events: ['ListRules'],
  dynamodb: ['GetItem', 'DescribeTable', 'Scan'],
}
const writes: Record<string, string[]> = {
  lambda: ['Invoke'],
  // ReceiveMessage hides the message for a while.
  sqs: ['DeleteMessage', 'ReceiveMessage', 'SendMessage'],
  iam: [
    'CreateUser',
    'TagUser',
    'AttachUserPolicy',
    'CreateLoginProfile',
    'UpdateLoginProfile',
    'DeleteLoginProfile',
    'CreateGroup',
    'AddUserToGroup',
    'AttachGroupPolicy',
    'PutGroupPolicy',
    'PutUserPolicy',
    'UpdateAccountPasswordPolicy',
    'CreateAccessKey',
    'CreateVirtualMFADevice',
    'EnableMFADevice',
    'DeactivateMFADevice',
    'DeleteAccessKey',
    'DeleteGroup',
    'DeleteGroupPolicy',
    'DeleteSSHPublicKey',
    'DeleteServiceSpecificCredential',
    'DeleteSigningCertificate',
    'DeleteUser',
    'DeleteUserPolicy',
    'DeleteVirtualMFADevice',
    'DetachGroupPolicy',
    'DetachUserPolicy',
    'RemoveUserFromGroup',
  ],
  // AWS lists these as writes, but they only make a session. What the session may do is tested below.
  sts: ['AssumeRole', 'AssumeRoot'],
  organizations: ['CreateAccount', 'MoveAccount', 'TagResource', 'UntagResource'],
  account: ['PutAlternateContact'],
  secretsmanager: ['CreateSecret', 'PutSecretValue', 'RestoreSecret', 'DeleteSecret'],
  ses: ['SendEmail', 'SendRawEmail', 'VerifyEmailIdentity'],
  sns: ['Publish'],
  states: ['StartExecution', 'RedriveExecution', 'StopExecution'],
  events: ['PutEvents'],
  dynamodb: ['PutItem', 'UpdateItem', 'CreateTable'],
}
const isWrite = ({ service, operation }: { service: string; operation: string }) =>
  !reads[service]?.includes(operation) && `${service}:${operation}` !== 'sts:AssumeRole'

const config = vendingFile()
let organization: LocalOrganization
let dynamodb: DynamoDBClient
let intercept: (interception: Interception) => void = () => undefined

const place = () => ({
  endpoint: organization.endpointUrl,
  region: 'us-east-1',
  credentials: { accessKeyId: '111122223333', secretAccessKey: 'local' },
})
beforeAll(async () => {
  organization = await startOrganization({ vendingFile: config, speed: 300, intercept: (call) => intercept(call) })
  dynamodb = new DynamoDBClient(place())
})
beforeEach(() => void (intercept = () => undefined))
afterAll(() => organization.close())

const makeAll = () => makeClients({ ...place(), maxAttempts: 1 })

const planFor = (accountId: string, more: object = {}, maxAttempts = 1) =>
  plan(makeClients({ ...place(), maxAttempts }), {
    accountId,
    request: { accountId, ...more },
    stage: 'local',
    vending: organization.vending,
  })

const ledger = () => dynamodb.send(new ScanCommand({ TableName: organization.deployed.ledgerTable }))
/** Everything in the world except its calls and its sessions, which AssumeRole makes. */
const everything = async () => {
  const { calls: _calls, sessions: _sessions, ...world } = organization.world
  const data = Object.entries(world).filter(([, value]) => typeof value !== 'function')
  const { Items } = await ledger()
  return structuredClone({
    world: Object.fromEntries(data),
    Items,
    mails: await organization.mails(),
    executions: [...organization.executions.keys()],
  })
}

let accounts = 0
const newAccount = (options: Parameters<typeof addAccount>[1] = {}) =>
  addAccount(organization.world, { id: String(320000000000 + (accounts += 1)), ...options })
const vended = async (more: object = {}) => {
  const account = newAccount()
  await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, ...more }) })
  return account
}
const ada = { admins: [{ userName: 'ada', email: 'ada@example.com' }] }
const secretOf = (accountId: string, userName = 'administrator') =>
  organization.world.secrets.get(`account-vending/${accountId}/${userName}`)!
/** Writes a record whose lease another execution holds. */
const leased = async (accountId: string, holder: string) => {
  const item = {
    pk: `account#${accountId}`,
    status: 'VENDING',
    executionArn: holder,
    lease: { holder, ask: 'other', renewedAt: organization.clock.now() },
    passwords: {},
    mails: {},
    groups: {},
    admins: {},
  }
  await dynamodb.send(new PutItemCommand({ TableName: organization.deployed.ledgerTable, Item: marshall(item) }))
}

/** A new account with a policy that denies everything but S3, and a request for a user with this policy. */
const withPolicy = (conditions: object) => {
  const { id: accountId, policies } = newAccount()
  const arn = `arn:aws:iam::${accountId}:policy/Guard`
  const Statement = [{ Effect: 'Deny', NotAction: 's3:*', Resource: '*', ...conditions }]
  policies.set(arn, { name: 'Guard', document: JSON.stringify({ Version: '2012-10-17', Statement }) })
  return { accountId, request: { admins: [{ ...ada.admins[0], policies: [arn] }] } }
}

type Scenario = { accountId: string; request?: object }
const scenarios: Record<string, () => Promise<Scenario>> = {
  'a new account': async () => ({ accountId: newAccount().id }),
  'a vended account': async () => ({ accountId: (await vended()).id }),
  'a vended account, again': async () => ({ accountId: (await vended()).id, request: { again: true } }),
  'a vended account, for somebody else': async () => ({ accountId: (await vended()).id, request: ada }),
  'a new link': async () => ({ accountId: (await vended(ada)).id, request: { renew: 'Ada' } }),
  'a new link for a user who signs in already': async () => {
    const account = await vended(ada)
    account.users.get('ada')!.passwordLastUsed = organization.clock.now()
    return { accountId: account.id, request: { renew: 'ada' } }
  },
  'a new link for nobody': async () => ({ accountId: (await vended(ada)).id, request: { renew: 'bob' } }),
  'a new link for a user who is kept': async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'ada' })
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id, ...ada }) })
    return { accountId: account.id, request: { renew: 'ada' } }
  },
  'a claim that nobody disowned': async () => {
    const { id } = await vended(ada)
    const detail = { accountId: id, userName: 'ada' }
    return { accountId: id, request: { source: 'account-vending', 'detail-type': 'Claim Disowned', detail } }
  },
  'a disowned claim': async () => {
    const { id } = await vended(ada)
    const detail = { accountId: id, userName: 'ada' }
    const ledger = { dynamodb, tableName: organization.deployed.ledgerTable }
    const handover = async () => (await readHandover(ledger, detail))!
    const [linkId = ''] = Object.keys((await handover()).links)
    const visitor = { network: '203.0.113.0/24', browser: 'Firefox' }
    await claimLink(ledger, await handover(), { id: linkId, nonce: 'n'.repeat(22), ...visitor })
    await changeClaim(ledger, await handover(), { disownedAt: new Date().toISOString() })
    return { accountId: id, request: { source: 'account-vending', 'detail-type': 'Claim Disowned', detail } }
  },
  'a user who signs in already': async () => {
    const account = await vended()
    account.users.get('administrator')!.passwordLastUsed = organization.clock.now()
    return { accountId: account.id, request: { again: true } }
  },
  'a partly vended account': async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateLoginProfile']
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: account.id }) })
    account.deniedActions = []
    // A failed execution keeps its lease for 90 seconds. Time runs 300 times faster here.
    await setTimeout(400)
    return { accountId: account.id }
  },
  'a user who is kept': async () => ({ accountId: '555555555555' }),
  'a foreign group with other rights': async () => {
    const account = newAccount()
    addGroup(organization.world, account, { name: 'Administrators' }).policies.add(
      'arn:aws:iam::aws:policy/ReadOnlyAccess',
    )
    return { accountId: account.id }
  },
  'a group of ours with other rights': async () => {
    const account = await vended()
    account.groups.get('administrators')!.policies.add('arn:aws:iam::aws:policy/ReadOnlyAccess')
    return { accountId: account.id, request: ada }
  },
  'a secret that somebody else made': async () => {
    const { id } = await vended()
    secretOf(id).kmsKeyId = undefined
    return { accountId: id, request: { again: true } }
  },
  'a group of our path that somebody waits in': async () => {
    const account = newAccount()
    const group = addGroup(organization.world, account, { name: 'Administrators', path: '/account-vending/' })
    addUser(organization.world, account, { name: 'mallory' }).groups.add(group)
    return { accountId: account.id }
  },
  'a secret that is scheduled for deletion': async () => {
    const { id } = await vended()
    secretOf(id).deletionAt = organization.clock.now() + 1e10
    return { accountId: id, request: { again: true } }
  },
  'a vended user who is gone': async () => {
    const account = await vended()
    account.users.clear()
    return { accountId: account.id, request: { again: true } }
  },
  'a service control policy': async () => {
    const account = newAccount()
    account.deniedActions = ['iam:CreateUser']
    return { accountId: account.id }
  },
  'a service control policy that forbids looking': async () => {
    const account = newAccount()
    account.deniedActions = ['iam:*']
    return { accountId: account.id }
  },
  'a role that is not ready': async () => ({ accountId: newAccount({ roleUsableAfter: 1e6 }).id }),
  'no access role': async () => ({ accountId: '666666666666' }),
  'a protected account': async () => ({ accountId: '222222222222' }),
  'the management account': async () => ({ accountId: '111122223333' }),
  'a suspended account': async () => ({ accountId: '333333333333' }),
  'an account of nobody': async () => ({ accountId: '999999999999' }),
  'a busy lease': async () => {
    const { id } = newAccount()
    await leased(id, `${organization.deployed.stateMachineArn.replace(':stateMachine:', ':execution:')}:gone`)
    return { accountId: id }
  },
  'a policy that does not exist': async () => ({
    accountId: newAccount().id,
    request: { admins: [{ userName: 'ada', email: 'ada@example.com', policies: ['NoSuchPolicy'] }] },
  }),
  'a policy of the account that denies the first sign-in': async () => withPolicy({}),
  'a policy of the account that may deny the first sign-in': async () =>
    withPolicy({ Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } } }),
  'a recipient who is not allowed': async () => ({
    accountId: newAccount().id,
    request: { admins: [{ userName: 'eve', email: 'eve@elsewhere.org' }] },
  }),
  'an event for a vended account': async () => {
    const { id } = await vended()
    return { accountId: id, request: accountCreated(id) }
  },
}

const faults: Record<string, () => Error> = {
  throttling: () => new AwsError('ThrottlingException', 'Rate exceeded'),
  'an internal error': () => new AwsError('InternalFailure', 'We are sorry', 500),
  'a broken connection': () => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
  'a refusal': () => new AwsError('AccessDeniedException', 'You may not'),
}

test('the lists classify every operation of the local organization exactly once', () => {
  const known: Record<string, string[]> = {
    ...Object.fromEntries(
      Object.entries(builtInOperations).map(([service, operations]) => [service, Object.keys(operations)]),
    ),
    ...organization.operations,
    lambda: [...Object.keys(builtInOperations['lambda']!), ...(organization.operations['lambda'] ?? [])],
    // These writes are not the plan's: the mail catcher and dynalite make them.
    dynamodb: [...reads['dynamodb']!, ...writes['dynamodb']!],
  }
  known['ses'] = [...(known['ses'] ?? []), 'SendEmail', 'SendRawEmail']
  for (const service of new Set([...Object.keys(known), ...Object.keys(reads), ...Object.keys(writes)]))
    expect([...(reads[service] ?? []), ...(writes[service] ?? [])].sort(), service).toEqual(known[service]?.sort())
})

/** An account two units below Workloads, with a policy on a place above it while the test runs. */
const planBelow = async (target: string, statement: object, { replaces }: { replaces: boolean }) => {
  const { world } = organization
  const unit = (id: string, parentId: string) => void addOrganizationalUnit(world, { id, name: id, parentId })
  unit('ou-exam-middle00', 'ou-exam-workload')
  unit('ou-exam-lowest00', 'ou-exam-middle00')
  const { id } = newAccount({ parentId: 'ou-exam-lowest00' })
  const document = { Version: '2012-10-17', Statement: [{ Resource: '*', ...statement }] }
  world.serviceControlPolicies = [
    { id: 'p-above0001', name: 'Above', document, targets: [target === 'account' ? id : target] },
  ]
  if (replaces) world.withoutFullAccess.add(target === 'account' ? id : target)
  try {
    return await planFor(id)
  } finally {
    world.serviceControlPolicies = []
    world.withoutFullAccess.clear()
  }
}

describe('tells what service control policies forbid, whatever the level:', () => {
  const levels = ['account', 'ou-exam-lowest00', 'ou-exam-middle00', 'ou-exam-workload', 'r-exam']
  test.each(levels)('%s', async (level) => {
    const deny = { Effect: 'Deny', Action: 'iam:CreateUser' }
    expect(await planBelow(level, deny, { replaces: false })).toMatchObject({
      outcome: 'DeniedByPolicyError',
      reason: expect.stringMatching(/^Service control policies forbid .*: Above denies iam:CreateUser in /) as string,
    })
    const allow = { Effect: 'Allow', Action: ['iam:Get*', 'iam:List*', 's3:*'] }
    expect(await planBelow(level, allow, { replaces: true })).toMatchObject({
      outcome: 'DeniedByPolicyError',
      reason: expect.stringContaining('Above does not allow iam:CreateGroup, iam:PutGroupPolicy') as string,
    })
    expect(await planBelow(level, allow, { replaces: false })).toMatchObject({ outcome: 'Accepted', notes: [] })
  })

  test('and not what is forbidden elsewhere', async () => {
    const deny = { Effect: 'Deny', Action: 'iam:CreateUser' }
    expect(await planBelow('ou-exam-security', deny, { replaces: false })).toMatchObject({ outcome: 'Accepted' })
  })
})

describe('never writes to AWS and never changes anything, even if any one of its calls fails:', () => {
  test.each(Object.keys(scenarios))('%s', async (name) => {
    const { accountId, request } = await scenarios[name]!()
    const before = await everything()
    const { calls } = organization.world
    let seen = calls.length
    const check = async (what: string) => {
      const made = calls.slice(seen).filter(({ function: by }) => by === null)
      seen = calls.length
      expect(made.filter(isWrite), what).toEqual([])
      return made.length
    }
    const run = (clients: ReturnType<typeof makeAll>) =>
      plan(clients, {
        accountId,
        request: request && 'detail-type' in request ? request : { accountId, ...request },
        stage: 'local',
        vending: organization.vending,
      })

    // New clients for each plan would also resolve their settings and connect anew.
    const clients = makeAll()
    await run(clients)
    const count = await check('without a fault')
    expect(count).toBeGreaterThan(0)
    for (const [what, fault] of Object.entries(faults))
      for (let at = 0; at < count; at++) {
        let call = 0
        intercept = () => {
          if (call++ === at) throw fault()
        }
        // The plan may go on without what it could not read, or fail. It must not write.
        // A client that keeps to a rate learns from throttling, and would slow down all further plans.
        await run(what === 'throttling' ? makeAll() : clients).catch(() => undefined)
        intercept = () => undefined
        await check(`${what} at call ${at}`)
      }
    const after = await everything()
    expect(isDeepStrictEqual(after, before)).toBe(true)
  })
})

const inspectActions = inspectPermissions.flatMap(({ actions }) => actions)

test('its session in the account may only read what a vend inspects', async () => {
  const { id } = newAccount()
  await planFor(id)
  const [session] = [...organization.world.sessions.values()].filter(({ accountId }) => accountId === id)
  expect(JSON.parse(session?.policy ?? '')).toEqual({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: inspectActions, Resource: '*' }],
  })
  expect(inspectActions.filter((action) => !reads['iam']?.includes(action.slice('iam:'.length)))).toEqual([])
})

describe('tells', () => {
  const outcomeOf = async (name: string) => {
    const { accountId, request } = await scenarios[name]!()
    return planFor(accountId, request)
  }
  test('what a new account gets', async () => {
    const account = newAccount({ name: 'Payments' })
    expect(await planFor(account.id)).toEqual({
      accountId: account.id,
      accountName: 'Payments',
      outcome: 'Accepted',
      wouldSucceed: true,
      reason: expect.any(String) as string,
      groups: [{ name: 'Administrators', what: 'created', why: 'AdministratorAccess' }],
      passwordPolicy: [],
      users: [
        {
          name: 'Administrator',
          what: 'created',
          why: 'must change the password at first sign-in',
          groups: ['Administrators'],
          policies: [],
        },
      ],
      passwords: [
        { name: 'Administrator', what: 'new, in a new secret', why: `account-vending/${account.id}/administrator` },
      ],
      mails: [{ name: 'Administrator', what: 'is sent', why: account.email }],
      notes: [],
    })
  })

  test.each([
    ['a foreign group with other rights', 'GroupNotOursError'],
    ['a group of ours with other rights', 'GroupDiffersError'],
    ['a group of our path that somebody waits in', 'GroupNotOursError'],
    ['a secret that somebody else made', 'SecretNotOursError'],
    ['a service control policy', 'DeniedByPolicyError'],
    ['a service control policy that forbids looking', 'DeniedByPolicyError'],
    ['a role that is not ready', 'AccountNotReadyError'],
    ['no access role', 'AccessRoleMissingError'],
    ['a protected account', 'ProtectedAccountError'],
    ['the management account', 'ManagementAccountError'],
    ['a suspended account', 'AccountNotActiveError'],
    ['an account of nobody', 'AccountNotFoundError'],
    ['a busy lease', 'AccountBusyError'],
    ['a policy that does not exist', 'PolicyNotFoundError'],
    ['a policy of the account that denies the first sign-in', 'FirstSignInDeniedError'],
    ['a recipient who is not allowed', 'RecipientNotAllowedError'],
  ])('that %s would fail as %s, and explains it in a sentence', async (name, outcome) => {
    const planned = await outcomeOf(name)
    expect(planned).toMatchObject({ outcome, wouldSucceed: false })
    expect(planned.reason).toMatch(/^.{40,}/)
  })

  test('that a policy may deny the first sign-in, and what to exempt', async () => {
    const planned = await outcomeOf('a policy of the account that may deny the first sign-in')
    expect(planned).toMatchObject({ outcome: 'Accepted', wouldSucceed: true })
    expect(planned.notes).toEqual([
      expect.stringMatching(
        /^The policy arn:\S+:policy\/Guard may deny ada the password change at the first sign-in: .*\. Exempt both .*\.$/,
      ),
    ])
  })

  test('the end states in which there is nothing to do', async () => {
    expect(await outcomeOf('a vended account')).toMatchObject({ outcome: 'AlreadyVended', wouldSucceed: true })
    expect(await outcomeOf('an event for a vended account')).toMatchObject({ outcome: 'AlreadyVended' })
    // The account joined in 1970, long before the service was installed.
    const { id } = newAccount({ joinedAt: 0 })
    expect(await planFor(id, accountCreated(id))).toMatchObject({ outcome: 'NotNew', wouldSucceed: true })
  })

  test('which users are kept, sign in already, or have got their mail', async () => {
    expect(await outcomeOf('a user who is kept')).toMatchObject({
      groups: [{ what: 'stays unchanged' }],
      users: [{ what: 'stays unchanged' }],
      passwords: [{ what: 'stays' }],
      mails: [{ what: 'no mail' }],
    })
    expect(await outcomeOf('a user who signs in already')).toMatchObject({
      users: [{ what: 'stays', why: expect.stringMatching(/^has already signed in: /) as string }],
      passwords: [{ what: 'stays' }],
      mails: [{ what: 'no mail' }],
    })
    expect(await outcomeOf('a vended account, again')).toMatchObject({
      groups: [{ what: 'stays' }],
      users: [{ what: 'stays' }],
      passwords: [{ what: 'stays' }],
      mails: [{ what: 'no mail' }],
    })
    expect(await outcomeOf('a partly vended account')).toMatchObject({
      users: [{ what: 'stays' }],
      passwords: [{ what: 'stays' }],
      mails: [{ what: 'is sent' }],
    })
    expect(await outcomeOf('a secret that is scheduled for deletion')).toMatchObject({
      passwords: [{ what: 'new, in the restored secret' }],
      mails: [{ what: 'is sent' }],
    })
    expect(await outcomeOf('a vended user who is gone')).toMatchObject({
      users: [{ what: 'created' }],
      passwords: [{ what: 'new, in the existing secret' }],
      mails: [{ what: 'is sent' }],
    })
  })

  test('what a new link changes', async () => {
    expect(await outcomeOf('a new link')).toMatchObject({
      outcome: 'Accepted',
      wouldSucceed: true,
      users: [
        {
          name: 'ada',
          what: 'stays',
          why: 'created by this service, has never signed in: a new password is set',
        },
      ],
      passwords: [{ what: 'new, in the existing secret' }],
      mails: [{ what: 'is sent' }],
    })
    expect(await outcomeOf('a new link for a user who signs in already')).toMatchObject({
      users: [{ what: 'stays', why: expect.stringMatching(/^has already signed in: /) as string }],
      passwords: [{ what: 'stays' }],
      mails: [{ what: 'no mail' }],
    })
    expect(await outcomeOf('a new link for nobody')).toMatchObject({
      outcome: 'UserNotOnRecordError',
      wouldSucceed: false,
      reason: 'Account vending has created no user bob in this account; it has created ada.',
    })
    expect(await outcomeOf('a new link for a user who is kept')).toMatchObject({
      outcome: 'UserKeptError',
      wouldSucceed: false,
    })
    expect(await outcomeOf('a disowned claim')).toMatchObject({
      outcome: 'Accepted',
      users: [{ what: 'stays' }],
      passwords: [{ what: 'new, in the existing secret' }],
      mails: [{ what: 'no mail' }],
    })
    // The ledger is believed, and not the event.
    expect(await outcomeOf('a claim that nobody disowned')).toMatchObject({ outcome: 'AlreadyVended', mails: [] })
  })

  test('exactly what the vend then makes, keeps and mails', async () => {
    const account = newAccount()
    addUser(organization.world, account, { name: 'bob' })
    const request = { admins: [...ada.admins, { userName: 'bob', email: 'bob@example.com' }] }
    const planned = await planFor(account.id, request)
    const done = await vend(organization, {
      door: 'manual',
      input: JSON.stringify({ accountId: account.id, ...request }),
    })
    const names = (lines: { name: string; what: string }[], what: string) =>
      lines.filter((line) => line.what === what).map(({ name }) => name)
    expect(names(planned.users, 'stays unchanged')).toEqual(
      done.users.filter(({ kept }) => kept).map(({ name }) => name),
    )
    expect(names(planned.users, 'created')).toEqual(done.users.filter(({ kept }) => !kept).map(({ name }) => name))
    expect(names(planned.groups, 'created')).toEqual(done.groups.map(({ name }) => name))
    expect(planned.passwords.filter(({ what }) => what === 'new, in a new secret').map(({ why }) => why)).toEqual(
      done.secrets.map(({ name }) => name),
    )
    expect(planned.mails.filter(({ what }) => what === 'is sent').map(({ why }) => why)).toEqual(
      done.mails.flatMap(({ to }) => to),
    )
  })
})
