import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { STSClient } from '@aws-sdk/client-sts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { removeAdministrators } from '../../functions/remove-administrators/remove-administrators.ts'
import { createLink, readHandover, readLink } from '../../functions/shared/handover.ts'
import { signIn } from '../../functions/shared/iam-client.ts'
import { type Ledger, updateItem } from '../../functions/shared/ledger.ts'
import { lookKey, readLook } from '../../functions/shared/look.ts'
import { readAccount, recordMail, recordVend, takeLease } from '../../functions/shared/record-and-lease.ts'
import { type Remove, takeLeaseToRemove } from '../../functions/shared/removal.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { type Interception, startEndpoint } from '../../local/aws/endpoint.ts'
import { type Account, addAccount, addGroup, addUser, createWorld, type User } from '../../local/aws/world.ts'
import { inMemoryDynamoDB } from '../simulation/dynamodb.ts'
import { aGroup, anAdmin, anotherVend, aVend, readOnlyAccess } from '../support/builders.ts'

// The clients are real: the local organization answers over HTTP. DynamoDB is the simulation's, which is fast.

const world = createWorld()
const keyArn = 'arn:aws:kms:us-east-1:111122223333:key/passwords'
let intercept: (call: Interception) => (() => void) | undefined = () => undefined
const dynamodb = inMemoryDynamoDB('ledger', Date.now)
const endpoint = await startEndpoint(world, {
  operations: { dynamodb: dynamodb.operations },
  intercept: (call) => intercept(call),
})
afterAll(() => endpoint.close())
const config = (accessKeyId: string) => ({
  endpoint: endpoint.url,
  region: world.region,
  credentials: { accessKeyId, secretAccessKey: 'local' },
  maxAttempts: 1,
})
const own = config(world.managementAccountId)
const ledger: Ledger = { dynamodb: new DynamoDBClient(own), tableName: 'ledger' }
const secrets = new SecretsManagerClient(own)
const sts = new STSClient(own)
beforeAll(() => {
  process.env['AWS_ENDPOINT_URL'] = endpoint.url
  process.env['AWS_REGION'] = world.region
})

const vend = aVend()
const removal = anotherVend()
let account: Account
let ada: User
beforeEach(() => {
  intercept = () => undefined
})

const ourPath = '/account-vending/'
const signedIn = (user: User, { isUsed = true } = {}) => {
  user.login = { password: 'Held-since-2022', resetRequired: false, createdAt: world.now() - 3_600_000 }
  if (isUsed) user.passwordLastUsed = world.now() - 60_000
}
const giveDevice = (user: User, serialNumber: string) =>
  account.mfaDevices.set(serialNumber, { serialNumber, createdAt: 0, user, enabledAt: 0 })
const giveCredentials = (user: User) => {
  user.accessKeys.set(`AKIA${user.name.toUpperCase()}`, { createdAt: 0 })
  giveDevice(user, `arn:aws:iam::${account.id}:mfa/${user.name}`)
  giveDevice(user, `GAHT${user.name}`)
  user.otherCredentials['signing certificate'].add('CERT')
  user.otherCredentials['SSH public key'].add('APKA')
  user.otherCredentials['service-specific credential'].add('ACCA')
  user.policies.add(readOnlyAccess)
  user.inline.set('inline', '{}')
}
const giveSecret = (userName: string, kmsKeyId = keyArn) => {
  const name = secretName(account.id, userName)
  const arn = `arn:aws:secretsmanager:us-east-1:${world.managementAccountId}:secret:${name}-a1B2c3`
  world.secrets.set(name, { name, arn, kmsKeyId, tags: [], createdAt: 0, changedAt: 0, versions: new Map() })
}

/**
 * An account that was vended: ada and grace are ours, and so is the group Administrators. Somebody else has created bob
 * and eve (eve on our path), and the group Auditors, in which ada is.
 */
const vended = async (names = ['ada', 'grace']) => {
  account = addAccount(world, { name: 'Payments' })
  const administrators = addGroup(world, account, { name: 'Administrators', path: ourPath })
  administrators.policies.add(readOnlyAccess)
  administrators.inline.set('inline', '{}')
  const auditors = addGroup(world, account, { name: 'Auditors' })
  const users = names.map((name) => addUser(world, account, { name, path: ourPath }))
  for (const user of users) {
    user.groups.add(administrators)
    signedIn(user)
    giveCredentials(user)
    giveSecret(user.name)
  }
  ada = users[0]!
  ada.groups.add(auditors)
  const bob = addUser(world, account, { name: 'bob' })
  bob.groups.add(auditors)
  signedIn(bob)
  giveCredentials(bob)
  addUser(world, account, { name: 'eve', path: ourPath })

  const admins = users.map(({ name }) => anAdmin({ userName: name, email: `${name}@example.com` }))
  const ask = { groups: [aGroup()], admins }
  const lease = { vend, account, ask, askHash: 'ask', requestedBy: 'event', record: undefined }
  expect(await takeLease(ledger, lease)).toBe(true)
  for (const { userName, email } of admins) {
    const mail = { vendId: vend.id, userName, email, secretVersion: 'v1', messageId: 'm' }
    await recordMail(ledger, { accountId: account.id, ...mail })
    const link = { id: `link-of-${userName}-${account.id}`, publicKey: 'key', email, secretVersion: 'v1', days: 7 }
    await createLink(ledger, { ...link, accountId: account.id, userName })
    await updateItem<{ at: string }>(ledger, `follow#${account.id}#${userName}`, {
      set: { at: 'x' },
      condition: () => 'attribute_not_exists(pk)',
    })
  }
  await updateItem<{ at: string }>(ledger, lookKey(account.id), {
    set: { at: 'x' },
    condition: () => 'attribute_not_exists(pk)',
  })
  const made = admins.map((admin) => ({ ...admin, kept: false }))
  await recordVend(ledger, { accountId: account.id, vend, groups: [aGroup()], admins: made })
}

const leased = async () => {
  const record = (await readAccount(ledger, account.id))!
  const lease = { vend: removal, account, record, ask: 'remove', requestedBy: 'somebody' }
  expect(await takeLeaseToRemove(ledger, lease)).toBe(true)
}
const described = () => ({
  id: account.id,
  name: account.name,
  email: account.email,
  joinedMethod: account.joinedMethod,
  joinedAt: new Date(0).toISOString(),
})
const run = (remove: Remove) => {
  const place = { account: described(), vend: removal, roleName: world.accessRole }
  return removeAdministrators(
    { ledger, secrets, signIn: (permissions) => signIn(sts, { ...place, permissions }) },
    { vend: removal, account: described(), remove },
    { keyArn },
  )
}
const removed = async (remove: Remove) => {
  await leased()
  return run(remove)
}
const isThere = (pk: string) => dynamodb.item(pk) !== undefined
const secretsThere = () =>
  [...world.secrets.values()].filter(({ name, deletionAt }) => name.includes(account.id) && !deletionAt).length

/** What the account, its secrets and its record have, without times. */
const state = async () => {
  const record = await readAccount(ledger, account.id)
  return {
    users: [...account.users.values()].map(({ name, login, accessKeys, policies, inline, groups }) => ({
      name,
      signsIn: login !== undefined,
      keys: accessKeys.size,
      policies: policies.size + inline.size,
      groups: [...groups].map(({ name }) => name).sort(),
    })),
    groups: [...account.groups.keys()].sort(),
    devices: [...account.mfaDevices.keys()].map((name) => name.replace(account.id, 'ACCOUNT')).sort(),
    secrets: secretsThere(),
    handovers: await Promise.all(
      ['ada', 'grace'].map(async (userName) => {
        const handover = await readHandover(ledger, { accountId: account.id, userName })
        return [handover !== undefined, (await readLink(ledger, `link-of-${userName}-${account.id}`)) !== undefined]
      }),
    ),
    record: JSON.parse(
      JSON.stringify(record)
        .replaceAll(account.id, 'ACCOUNT')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'),
    ) as Record<string, unknown>,
  }
}

describe('everything', () => {
  beforeEach(() => vended())

  test('takes out what we have put in, and leaves what others have made', async () => {
    const result = await removed({ what: 'everything' })
    expect(result).toMatchObject({
      outcome: 'Removed',
      users: [
        { userName: 'ada', is: 'deleted' },
        { userName: 'grace', is: 'deleted' },
      ],
      groups: ['Administrators'],
      stays: [{ kind: 'user', name: 'eve', why: 'the ledger does not list this user' }],
    })
    expect([...account.users.keys()]).toEqual(['bob', 'eve'])
    expect([...account.groups.keys()]).toEqual(['auditors'])
    expect([...account.mfaDevices.keys()]).toEqual([`arn:aws:iam::${account.id}:mfa/bob`, 'GAHTbob'])
    expect(account.users.get('bob')?.accessKeys.size).toBe(1)
    expect(secretsThere()).toBe(0)
    for (const { deletionAt } of [...world.secrets.values()].filter(({ name }) => name.includes(account.id)))
      expect(Math.round((deletionAt! - world.now()) / 86_400_000)).toBe(7)
  })

  test('leaves a record that names nobody, with the status REMOVED and without a lease', async () => {
    await removed({ what: 'everything' })
    const record = await readAccount(ledger, account.id)
    expect(record).toMatchObject({
      status: 'REMOVED',
      accountName: 'Payments',
      vendedBy: vend.executionArn,
      requestedBy: 'somebody',
      groups: {},
      admins: {},
      passwords: {},
      mails: {},
      removal: { what: 'everything', by: removal.executionArn },
    })
    for (const gone of ['lease', 'failure', 'devices', 'vendedAt']) expect(record).not.toHaveProperty(gone)
    expect(JSON.stringify(record)).not.toContain('@example.com')
  })

  test('ends the links, and what the daily round keeps', async () => {
    await removed({ what: 'everything' })
    for (const userName of ['ada', 'grace']) {
      expect(await readHandover(ledger, { accountId: account.id, userName })).toBeUndefined()
      expect(await readLink(ledger, `link-of-${userName}-${account.id}`)).toBeUndefined()
      expect(isThere(`follow#${account.id}#${userName}`)).toBe(false)
    }
    expect(await readLook(ledger, account.id)).toBeUndefined()
  })

  test('leaves a group with a member who is not ours, and names the member', async () => {
    account.users.get('bob')!.groups.add(account.groups.get('administrators')!)
    const { groups, stays } = await removed({ what: 'everything' })
    expect(groups).toEqual([])
    expect(stays).toContainEqual({ kind: 'group', name: 'Administrators', why: 'has other members: bob' })
    const administrators = account.groups.get('administrators')
    expect(administrators?.policies.size).toBe(1)
    expect(account.users.get('bob')?.groups.size).toBe(2)
  })

  test('leaves a group on our path that the ledger does not list, even an empty one', async () => {
    addGroup(world, account, { name: 'Strangers', path: ourPath })
    const { stays } = await removed({ what: 'everything' })
    expect(stays).toContainEqual({ kind: 'group', name: 'Strangers', why: 'the ledger does not list this group' })
    expect(account.groups.has('strangers')).toBe(true)
  })

  test('deletes a group of an unfinished vend, which the ledger only knows by the request', async () => {
    await updateItem(ledger, `account#${account.id}`, { set: { groups: {} }, condition: () => 'attribute_exists(pk)' })
    ada.groups.clear()
    account.users.get('grace')!.groups.clear()
    expect((await removed({ what: 'everything' })).groups).toEqual(['Administrators'])
  })

  test('leaves a user of that name whom somebody else has created outside of our path', async () => {
    account.users.delete('ada')
    signedIn(addUser(world, account, { name: 'Ada' }))
    const { users, stays } = await removed({ what: 'everything' })
    expect(users.map(({ userName }) => userName)).toEqual(['grace'])
    expect(stays).toContainEqual(expect.objectContaining({ kind: 'user', name: 'Ada' }))
    expect(account.users.get('ada')?.login).toBeDefined()
  })

  test('ends the secret of a user whom somebody else has deleted', async () => {
    account.users.delete('ada')
    const { users } = await removed({ what: 'everything' })
    expect(users).toContainEqual({ userName: 'ada', is: 'gone' })
    expect(secretsThere()).toBe(0)
  })

  test('leaves a secret that is not encrypted with the password key', async () => {
    giveSecret('ada', 'arn:aws:kms:us-east-1:111122223333:key/another')
    const { stays } = await removed({ what: 'everything' })
    expect(stays).toContainEqual(expect.objectContaining({ kind: 'secret', name: secretName(account.id, 'ada') }))
    expect(secretsThere()).toBe(1)
  })

  test('of one user leaves the other users, and the groups', async () => {
    const result = await removed({ what: 'everything', userName: 'ADA' })
    expect(result).toMatchObject({ users: [{ userName: 'ada', is: 'deleted' }], groups: [], stays: [] })
    expect([...account.users.keys()]).toEqual(['grace', 'bob', 'eve'])
    expect(account.groups.has('administrators')).toBe(true)
    const record = await readAccount(ledger, account.id)
    expect(record).toMatchObject({ status: 'VENDED', vendedAt: expect.any(String) as string })
    expect(Object.keys(record!.admins)).toEqual(['grace'])
    expect(Object.keys(record!.passwords)).toEqual(['grace'])
    expect(Object.keys(record!.mails)).toEqual(['grace grace@example.com'])
    expect(await readLook(ledger, account.id)).toBeDefined()
    expect(isThere(`follow#${account.id}#grace`)).toBe(true)
  })

  test('of the users one by one ends with the status REMOVED', async () => {
    await removed({ what: 'everything', userName: 'ada' })
    await removed({ what: 'everything', userName: 'grace' })
    const record = await readAccount(ledger, account.id)
    expect(record?.status).toBe('REMOVED')
    expect(record).not.toHaveProperty('vendedAt')
  })

  test('of an account that has nothing any more succeeds', async () => {
    account.users.clear()
    account.groups.clear()
    for (const name of ['ada', 'grace']) world.secrets.delete(secretName(account.id, name))
    const { users, groups } = await removed({ what: 'everything' })
    expect({ users, groups }).toEqual({
      users: ['ada', 'grace'].map((userName) => ({ userName, is: 'gone' })),
      groups: [],
    })
  })
})

describe('the sign-in', () => {
  beforeEach(() => vended())

  test('takes the login profile, the secret and the link away, and says what is left', async () => {
    const result = await removed({ what: 'sign-in', userName: 'ada' })
    const left = {
      'access key': 1,
      'MFA device': 2,
      'signing certificate': 1,
      'SSH public key': 1,
      'service-specific credential': 1,
    }
    expect(result).toMatchObject({ users: [{ userName: 'ada', is: 'without sign-in', left }], groups: [], stays: [] })
    expect(ada.login).toBeUndefined()
    expect({ keys: ada.accessKeys.size, groups: ada.groups.size }).toEqual({ keys: 1, groups: 2 })
    expect(account.users.get('grace')?.login).toBeDefined()
    expect(secretsThere()).toBe(1)
    expect(await readHandover(ledger, { accountId: account.id, userName: 'ada' })).toBeUndefined()
    const record = await readAccount(ledger, account.id)
    expect(record).toMatchObject({ status: 'VENDED', removal: { users: [{ userName: 'ada', left }] } })
    expect(Object.keys(record!.admins)).toEqual(['ada', 'grace'])
    expect(record!.passwords['ada']).toMatchObject({ removedAt: expect.any(String) as string })
    expect(record!.passwords['grace']).not.toHaveProperty('removedAt')
    expect(isThere(`follow#${account.id}#ada`)).toBe(true)
  })

  test('of all users leaves the account vended', async () => {
    const { users } = await removed({ what: 'sign-in' })
    expect(users.map(({ userName, is }) => [userName, is])).toEqual([
      ['ada', 'without sign-in'],
      ['grace', 'without sign-in'],
    ])
    expect((await readAccount(ledger, account.id))?.status).toBe('VENDED')
  })

  test('stays if it was used and only unused sign-ins go', async () => {
    delete ada.passwordLastUsed
    const { users, stays } = await removed({ what: 'sign-in', unclaimed: true })
    expect(users.map(({ userName }) => userName)).toEqual(['ada'])
    expect(stays).toContainEqual({ kind: 'user', name: 'grace', why: 'has signed in' })
    expect(account.users.get('grace')?.login).toBeDefined()
    expect(secretsThere()).toBe(1)
  })
})

describe('the last way in', () => {
  beforeEach(() => vended())
  const nothingChanged = async (remove: Remove) => {
    await leased()
    const before = JSON.stringify([...account.users.values()].map(({ groups: _, ...user }) => user))
    await expect(run(remove)).rejects.toThrow(
      expect.objectContaining({ name: 'LastWayInError', message: expect.stringContaining('ada') as string }) as Error,
    )
    expect(JSON.stringify([...account.users.values()].map(({ groups: _, ...user }) => user))).toBe(before)
    expect(secretsThere()).toBe(2)
    // The account is as it was, and so is its status.
    const record = await readAccount(ledger, account.id)
    expect(record?.status).toBe('VENDED')
    expect(record).not.toHaveProperty('lease')
  }

  test.each([{ what: 'everything' }, { what: 'sign-in' }] as Remove[])(
    'is refused before anything is removed: %j',
    async (remove) => {
      delete account.users.get('bob')!.login
      await nothingChanged(remove)
    },
  )

  test('of one user is refused if no other user has a login profile', async () => {
    delete account.users.get('bob')!.login
    delete account.users.get('grace')!.login
    await nothingChanged({ what: 'everything', userName: 'ada' })
  })

  test('may go if the request says so', async () => {
    delete account.users.get('bob')!.login
    expect((await removed({ what: 'everything', lastWayIn: true })).users).toHaveLength(2)
  })

  test('is not a sign-in that nobody has used, if only such sign-ins go', async () => {
    for (const user of account.users.values()) delete user.passwordLastUsed
    delete account.users.get('bob')!.login
    expect((await removed({ what: 'sign-in', unclaimed: true })).users).toHaveLength(2)
  })

  test('is no question for users who cannot sign in anyway', async () => {
    for (const user of account.users.values()) delete user.login
    expect((await removed({ what: 'everything' })).users).toHaveLength(2)
  })
})

describe('a crash between any two calls', () => {
  /** Kills the function at its nth call: before the call, or after the call took effect. */
  const killAt = (n: number, when: 'before' | 'after') => {
    let calls = 0
    let isKilled = false
    const killed = (): never => {
      isKilled = true
      throw new AwsError('ServiceException', 'The function was killed', 400)
    }
    intercept = () => {
      if (isKilled) throw new AwsError('ServiceException', 'The function is not running any more', 400)
      if ((calls += 1) !== n) return
      if (when === 'before') killed()
      return killed
    }
    return () => {
      intercept = () => undefined
      return isKilled || calls >= n
    }
  }
  const undisturbed = async (remove: Remove, users: string[]) => {
    await vended(users)
    await removed(remove)
    return state()
  }

  test.each<[Remove, string[]]>([
    [{ what: 'everything' }, ['ada']],
    [{ what: 'sign-in' }, ['ada', 'grace']],
  ])(
    'ends as without the crash: %j',
    async (remove, users) => {
      const wanted = await undisturbed(remove, users)
      let tries = 0
      for (const when of ['before', 'after'] as const)
        for (let n = 1; ; n++) {
          await vended(users)
          await leased()
          const end = killAt(n, when)
          const outcome = await run(remove).then(
            () => 'done',
            (error: Error) => error.name,
          )
          const wasKilled = end()
          if (!wasKilled) break
          tries += 1
          expect(outcome, `call ${n}, ${when}`).toBe('ServiceException')
          await run(remove)
          const { record, ...reached } = await state()
          const { record: wantedRecord, ...rest } = wanted
          expect({ n, when, ...reached }).toEqual({ n, when, ...rest })
          const shown = ({ removal, ...more }: Record<string, unknown>) => ({
            ...more,
            by: (removal as { by: string }).by,
          })
          expect(shown(record)).toEqual(shown(wantedRecord))
        }
      expect(tries).toBeGreaterThan(20)
    },
    120_000,
  )
})
