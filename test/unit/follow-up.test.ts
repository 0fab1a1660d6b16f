import { randomUUID } from 'node:crypto'
import { DeleteItemCommand, DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { CreateSecretCommand, PutSecretValueCommand } from '@aws-sdk/client-secrets-manager'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SESClient } from '@aws-sdk/client-ses'
import { SFNClient } from '@aws-sdk/client-sfn'
import { marshall } from '@aws-sdk/util-dynamodb'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { followUp } from '../../functions/follow-up/follow-up.ts'
import { changeClaim, claimLink, createLink, readHandover, recordBox } from '../../functions/shared/handover.ts'
import type { Ledger } from '../../functions/shared/ledger.ts'
import { type AdminSeen, lookKey } from '../../functions/shared/look.ts'
import { mailTags, type MailStatus, readMail, recordSending, recordStatus } from '../../functions/shared/mail-events.ts'
import { type AccountRecord, mailTo, readAccount } from '../../functions/shared/record-and-lease.ts'
import { makeLinkKey } from '../../functions/shared/sealed-box.ts'
import { vendOf } from '../../functions/shared/vend.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { createWorld } from '../../local/aws/world.ts'
import { createLedger } from '../../local/create-ledger.ts'
import { anAdmin, aVendedRecord, hasNotSignedIn } from '../support/builders.ts'

// Day by day, from the sign-in mail until the administrator has settled: what a round does on each day, with a real
// ledger, real secrets, SES and Step Functions over the wire.

const start = Date.parse('2026-11-02T06:10:00.000Z')
const day = 24 * 60 * 60 * 1000
const stateMachineArn = 'arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-prod'
const config = {
  stateMachineArn,
  sender: 'Account Vending <account-vending@example.com>',
  organizationName: 'Example Organization',
  contact: 'platform-team@example.com',
  allowedRecipients: ['example.com'],
  delivery: 'link' as 'link' | 'secret',
  linkDays: 7,
  reminders: [2, 5],
  secretAfterSignIn: 'delete' as 'delete' | 'keep',
}
type Config = typeof config & { mfa?: 'required'; unclaimed?: { removeAfterDays: number }; handover?: string }

const world = createWorld({ now: () => Date.now() })
const clock = { speed: 1, now: () => Date.now(), setTimer: world.setTimer, pass: () => {}, stop: () => {}, Date }
const machine = startStepFunctions({
  definition: { StartAt: 'Vend', States: { Vend: { Type: 'Succeed' } } } as never,
  stateMachineArn,
  clock,
  invoke: () => Promise.reject(new Error('The definition has no Task')),
  onProgress: () => {},
  onEnd: () => {},
})
/** How many calls may still be made before the function is stopped. */
let callsLeft = Infinity
let endpoint: Awaited<ReturnType<typeof startEndpoint>>
let clients: { ses: SESClient; sfn: SFNClient; secrets: SecretsManagerClient; ledger: Ledger }
let accountId: string
beforeAll(async () => {
  endpoint = await startEndpoint(world, {
    operations: { states: machine.operations },
    intercept: () => {
      if (callsLeft <= 0) throw new AwsError('Stopped', 'The function was stopped before this call')
      callsLeft -= 1
    },
  })
  const credentials = { accessKeyId: world.managementAccountId, secretAccessKey: 'local' }
  const reached = { endpoint: endpoint.url, region: world.region, credentials, maxAttempts: 1 }
  const dynamodb = new DynamoDBClient(reached)
  await createLedger(dynamodb, 'ledger')
  clients = {
    ses: new SESClient(reached),
    sfn: new SFNClient(reached),
    secrets: new SecretsManagerClient(reached),
    ledger: { dynamodb, tableName: 'ledger' },
  }
})
afterAll(() => endpoint.close())
let accounts = 400000000000
beforeEach(() => {
  vi.useFakeTimers({ now: start, toFake: ['Date'] })
  accountId = String((accounts += 1))
})
afterEach(() => {
  vi.useRealTimers()
})

const userName = 'ada'
const email = 'ada@example.com'
const administrator = () => ({ accountId, userName })
const put = (pk: string, item: object) =>
  clients.ledger.dynamodb.send(
    new PutItemCommand({ TableName: 'ledger', Item: marshall({ pk, ...item }, { removeUndefinedValues: true }) }),
  )
const remove = (pk: string) =>
  clients.ledger.dynamodb.send(new DeleteItemCommand({ TableName: 'ledger', Key: marshall({ pk }) }))
const secretId = () => `account-vending/${accountId}/${userName}`

/** What is so in the account, as a look sees it. */
let seen: AdminSeen
const notYet = hasNotSignedIn(userName)

/** What a vend leaves: the secret, the record, and the mail with its link. */
const vend = async (vendId: string, admin: object, { delivery, linkDays }: Pick<Config, 'delivery' | 'linkDays'>) => {
  const password = { ClientRequestToken: vendId, SecretString: `password-${vendId}` }
  await clients.secrets
    .send(new CreateSecretCommand({ Name: secretId(), ...password }))
    .catch(() => clients.secrets.send(new PutSecretValueCommand({ SecretId: secretId(), ...password })))
  const before = await readAccount(clients.ledger, accountId)
  const known = { ...anAdmin({ userName, email }), kept: false, ...admin }
  if (delivery === 'link') {
    const { id, publicKey } = await makeLinkKey()
    await createLink(clients.ledger, {
      ...administrator(),
      id,
      publicKey,
      email,
      secretVersion: vendId,
      days: linkDays,
    })
    const { links } = (await readHandover(clients.ledger, administrator()))!
    const box = { ephemeral: 'a', iv: 'b', sealed: 'c' }
    await recordBox(clients.ledger, administrator(), { id, link: links[id]!, box, secretVersion: vendId })
  }
  await recordSending(clients.ledger, mailTags(vendId, userName), {
    ...{ accountId, accountName: 'Payments', userName, email, groups: [], policies: [] },
  })
  const mail = { messageId: 'sign-in', secretVersion: vendId, at: new Date().toISOString(), email, vendId }
  const record = aVendedRecord({ admins: { [userName]: known }, mails: { ...before?.mails, [`ada ${email}`]: mail } })
  await put(`account#${accountId}`, record)
}

const claim = async () => {
  const handover = (await readHandover(clients.ledger, administrator()))!
  const visitor = { network: '203.0.113.0/24', browser: 'Firefox' }
  await claimLink(clients.ledger, handover, { id: Object.keys(handover.links)[0]!, nonce: 'n'.repeat(22), ...visitor })
}

/** What can happen to an administrator between two rounds. */
const happenings = {
  claims: claim,
  disowns: async () => {
    await claim()
    const handover = (await readHandover(clients.ledger, administrator()))!
    await changeClaim(clients.ledger, handover, { disownedAt: new Date().toISOString() })
  },
  'signs in': () => void (seen = { ...seen, hasSignedIn: true }),
  'chooses a password': () => void (seen = { ...seen, hasSignedIn: true, mustChangePassword: false }),
  'turns on MFA': () => void (seen = { ...seen, hasMfa: true }),
  'loses the login profile': () => void (seen = { ...seen, hasLoginProfile: false }),
  'is deleted': () => void (seen = { ...seen, isThere: false, hasLoginProfile: false }),
  'gets a new link from a person': (config: Config) => vend(randomUUID().replaceAll('-', ''), {}, config),
}
const becomes = async (status: MailStatus) => {
  const mail = mailTo((await readAccount(clients.ledger, accountId))!, { userName, email })!
  await recordStatus(clients.ledger, mailTags(mail.vendId!, userName), {
    status,
    at: new Date(Date.now() + 1000).toISOString(),
    reason: '',
  })
}
type Happening = keyof typeof happenings | MailStatus
const happen = async (what: Happening, config: Config) =>
  what in happenings ? happenings[what as keyof typeof happenings](config) : becomes(what as MailStatus)

const look = (admins: Record<string, AdminSeen> = { [userName]: seen }) =>
  put(lookKey(accountId), {
    ...{ accountId, accountName: 'Payments', at: new Date().toISOString(), path: '', findings: {}, gone: {} },
    admins,
  })
const round = (config: Config, due = [accountId]) => followUp(clients, { executionArn: '', due }, config)

const mailsTo = async (address: string) =>
  (await endpoint.mails()).filter(({ to, text }) => to.includes(address) && text?.includes(accountId))
const startedFor = () => [...machine.executions.values()].filter(({ input }) => input.includes(accountId))
/** Whether the secret is scheduled for deletion, or was deleted since. */
const isEnded = () => {
  const secret = world.secrets.get(secretId())
  return !secret || secret.deletionAt !== undefined
}

/** Everything that rounds have done for the account so far, in a few words. */
const soFar = async () => {
  const mails = (await mailsTo(email)).map(() => 'remind')
  const executions = startedFor().map(({ input }) => ('renew' in JSON.parse(input) ? 'renew' : 'remove'))
  return [...mails, ...executions, ...(isEnded() ? ['end-secret'] : [])].sort()
}
const actsIn = (counts: Record<string, number>) =>
  Object.entries(counts).flatMap(([act, count]) => Array.from({ length: count }, () => act))

/** What the executions that a round starts do. */
const runVends = async (config: Config) => {
  for (const { executionArn, input } of startedFor()) {
    const { id } = vendOf(executionArn)
    const { renew } = JSON.parse(input) as { renew?: string }
    if (!renew) seen = { ...seen, hasLoginProfile: false }
    else if (!(await readMail(clients.ledger, mailTags(id, userName)))) await vend(id, {}, config)
  }
}

type Life = {
  /** What happens on which day, just before the round. */
  happens?: Record<number, Happening>
  settings?: Partial<Config>
  admin?: object
  /** The days on which a round runs. */
  rounds?: number[]
}
const days = (last: number) => Array.from({ length: last + 1 }, (_, i) => i)

/** Lives through the days. Answers what the rounds did on which day. */
const live = async ({ happens = {}, settings = {}, admin = {}, rounds = days(15) }: Life) => {
  const all = { ...config, ...settings }
  seen = notYet
  await vend('a'.repeat(32), admin, all)
  const done: Record<number, string[]> = {}
  for (const today of rounds) {
    vi.setSystemTime(start + today * day)
    for (const [on, what] of Object.entries(happens))
      if (Number(on) <= today && !(Number(on) < (rounds[rounds.indexOf(today) - 1] ?? -1) + 1)) await happen(what, all)
    await look()
    const acts = actsIn(await round(all))
    if (!acts.length) continue
    done[today] = acts
    // A round that is repeated does nothing more.
    expect(actsIn(await round(all))).toEqual([])
    await runVends(all)
  }
  // What the rounds say that they did is what was done.
  expect(await soFar()).toEqual(Object.values(done).flat().sort())
  return done
}

const reminder = ['remind']
const renewal = ['renew']
const removal = ['remove']
const ended = ['end-secret']
const byLink = { 2: reminder, 5: reminder }
const untilRemoved = { unclaimed: { removeAfterDays: 14 } }
const bySecret = { delivery: 'secret' as const, handover: 'Ask us.' }

describe('from the sign-in mail until the administrator has settled', () => {
  test.each<[what: string, life: Life, done: Record<number, string[]>]>([
    ['nobody comes: one new link, with reminders of its own', {}, { ...byLink, 7: renewal, 9: reminder, 12: reminder }],
    [
      'nobody comes, and the sign-in is removed 14 days after the first mail',
      { settings: untilRemoved },
      { ...byLink, 7: renewal, 9: reminder, 12: reminder, 14: removal },
    ],
    [
      'nobody comes, and the sign-in is removed in the place of a new link',
      { settings: { unclaimed: { removeAfterDays: 7 } } },
      { ...byLink, 7: removal },
    ],
    ['the link is claimed, and nobody signs in: no new link', { happens: { 1: 'claims' } }, byLink],
    [
      'the link is claimed, nobody signs in, and the sign-in is removed',
      { happens: { 1: 'claims' }, settings: untilRemoved },
      { ...byLink, 14: removal },
    ],
    ['the link is claimed on its last day', { happens: { 6: 'claims' } }, byLink],
    ['settles on day 1', { happens: { 1: 'chooses a password' } }, { 1: ended }],
    ['settles on day 6', { happens: { 6: 'chooses a password' } }, { ...byLink, 6: ended }],
    [
      'settles with the renewed link',
      { happens: { 8: 'chooses a password' }, settings: untilRemoved },
      { ...byLink, 7: renewal, 8: ended },
    ],
    [
      'signs in on day 1, and chooses a password on day 3',
      { happens: { 1: 'signs in', 3: 'chooses a password' } },
      { 2: reminder, 3: ended },
    ],
    [
      'signs in and never chooses a password: is not removed',
      { happens: { 1: 'signs in' }, settings: untilRemoved },
      byLink,
    ],
    [
      'settles but for MFA, which is asked for',
      { happens: { 1: 'chooses a password', 4: 'turns on MFA' }, settings: { mfa: 'required' } },
      { 1: ended, 2: reminder },
    ],
    ['settles but for MFA, which is not asked for', { happens: { 1: 'chooses a password' } }, { 1: ended }],
    ['the mail bounces: nobody is mailed again', { happens: { 0: 'bounced' } }, {}],
    [
      'the mail bounces, and the sign-in is removed',
      { happens: { 0: 'bounced' }, settings: untilRemoved },
      { 14: removal },
    ],
    ['the mail is marked as spam', { happens: { 1: 'complained' } }, {}],
    ['the mail is rejected', { happens: { 1: 'rejected' } }, {}],
    ['the mail is delayed', { happens: { 1: 'delayed' } }, { ...byLink, 7: renewal, 9: reminder, 12: reminder }],
    ['a reminder comes back: nobody is mailed again', { happens: { 3: 'bounced' } }, { 2: reminder }],
    ['somebody else was faster: a person must decide', { happens: { 3: 'disowns' } }, { 2: reminder }],
    [
      'somebody else was faster, and the sign-in is removed',
      { happens: { 1: 'disowns' }, settings: untilRemoved },
      { 14: removal },
    ],
    [
      'a person mails a new link on day 4: everything begins anew',
      { happens: { 4: 'gets a new link from a person' }, settings: untilRemoved, rounds: days(19) },
      { 2: reminder, 6: reminder, 9: reminder, 11: renewal, 13: reminder, 16: reminder, 18: removal },
    ],
    [
      'a person mails a new link after the renewed one',
      { happens: { 13: 'gets a new link from a person' }, rounds: days(20) },
      { ...byLink, 7: renewal, 9: reminder, 12: reminder, 15: reminder, 18: reminder, 20: renewal },
    ],
    ['somebody takes the login profile away', { happens: { 3: 'loses the login profile' } }, { 2: reminder }],
    ['somebody deletes the user', { happens: { 3: 'is deleted' }, settings: untilRemoved }, { 2: reminder }],
    ['the user was kept', { admin: { kept: true }, happens: { 1: 'chooses a password' }, settings: untilRemoved }, {}],
    [
      'the address is not allowed any more',
      { settings: { ...untilRemoved, allowedRecipients: ['other.example'] } },
      { 14: removal },
    ],
    ['no reminders are wanted', { settings: { reminders: [] } }, { 7: renewal }],
    [
      'the reminders are in no order, and the link ends before the second',
      { settings: { reminders: [5, 1], linkDays: 3 } },
      { 1: reminder, 3: renewal, 4: reminder },
    ],
    ['no round ran until day 6: one reminder', { rounds: [6] }, { 6: reminder }],
    ['no round ran until day 12: no reminder so late', { rounds: [12, 13], settings: bySecret }, {}],
    ['no round ran until day 30: a new link', { rounds: [30, 31] }, { 30: renewal }],
    ['by secret, nobody comes', { settings: bySecret }, byLink],
    [
      'by secret, nobody comes, and the sign-in is removed',
      { settings: { ...bySecret, ...untilRemoved } },
      { ...byLink, 14: removal },
    ],
    [
      'by secret, settles on day 3',
      { settings: bySecret, happens: { 3: 'chooses a password' } },
      { 2: reminder, 3: ended },
    ],
    ['the secret is to be kept', { happens: { 1: 'chooses a password' }, settings: { secretAfterSignIn: 'keep' } }, {}],
    [
      'the first password need not be changed, so the secret may still be in use',
      { happens: { 1: 'chooses a password' }, admin: { passwordResetRequired: false } },
      {},
    ],
  ])('%s', async (_, life, done) => {
    expect(await live(life)).toEqual(done)
  })
})

const aLease = { holder: 'arn', ask: 'ask', renewedAt: 0 }
const aRecordWith = async (change: Partial<AccountRecord>) =>
  put(`account#${accountId}`, { ...(await readAccount(clients.ledger, accountId)), ...change })

/** An administrator on a day, with everything that happened before, and no round before that day. */
const onDay = async (
  today: number,
  { happens = [], settings = {} }: { happens?: Happening[]; settings?: object } = {},
) => {
  const all: Config = { ...config, ...settings }
  vi.setSystemTime(start)
  seen = notYet
  await vend('a'.repeat(32), {}, all)
  for (const what of happens) await happen(what, all)
  vi.setSystemTime(start + today * day)
  await look()
  return all
}

test('whoever signs in while the removal begins is left by the removal, and is followed up until settled', async () => {
  accountId = String((accounts += 1))
  const all = await onDay(14, { settings: untilRemoved })
  expect(actsIn(await round(all))).toEqual(removal)
  const onDayAfter = async (today: number, what: Happening) => {
    vi.setSystemTime(start + today * day)
    await happen(what, all)
    await look()
    return actsIn(await round(all))
  }
  expect(await onDayAfter(14.5, 'signs in')).toEqual([])
  // The reminder of day 5 is more than a week late. The mail itself is older, so only the secret is left to end.
  expect(await onDayAfter(15, 'chooses a password')).toEqual(ended)
})

describe('a function that is stopped between any two calls', () => {
  test.each<[acts: string[], today: number, about: Parameters<typeof onDay>[1]]>([
    [['renew'], 7, {}],
    [['remove'], 14, { settings: untilRemoved }],
    [['end-secret'], 1, { happens: ['chooses a password'] }],
    [['remind'], 2, {}],
    [['end-secret', 'remind'], 2, { happens: ['chooses a password'], settings: { mfa: 'required' } }],
  ])('has done %j once after the next try', async (acts, today, about) => {
    const twice: number[] = []
    for (let calls = 0, isStopped = true; isStopped; calls += 1) {
      accountId = String((accounts += 1))
      const all = await onDay(today, about)
      callsLeft = calls
      isStopped = await round(all).then(
        () => false,
        () => true,
      )
      callsLeft = Infinity
      await round(all)
      const done = await soFar()
      if (done.length > acts.length) {
        done.splice(done.indexOf('remind'), 1)
        twice.push(calls)
      }
      expect(done).toEqual(acts)
    }
    // SES takes no idempotency token: stopped right after the mail was sent, the next try sends the mail again.
    expect(twice).toHaveLength(acts.includes('remind') ? 1 : 0)
  })
})

test('a link that was renewed by a round that was stopped is known as renewed', async () => {
  const all = await onDay(7, { settings: { reminders: [] } })
  for (let calls = 0; !startedFor().length; calls += 1) {
    callsLeft = calls
    await round(all).catch(() => undefined)
  }
  callsLeft = Infinity
  await runVends(all)
  for (const today of [7, 8, 14, 21]) {
    vi.setSystemTime(start + today * day)
    await look()
    expect(actsIn(await round(all))).toEqual([])
  }
})

describe('nothing is done', () => {
  test.each<[when: string, change: () => Promise<unknown>]>([
    ['while a vend works on the account', () => aRecordWith({ status: 'VENDING', lease: aLease })],
    ['while a failed vend keeps its lease', () => aRecordWith({ status: 'FAILED', lease: aLease })],
    ['in an account that has left the organization', () => aRecordWith({ status: 'DEPARTED' })],
    ['in an account that the round has not looked at', () => remove(lookKey(accountId))],
    ['for an administrator whom the look did not see', () => look({})],
    [
      'after a look that is hours old',
      async () => {
        await look()
        vi.setSystemTime(Date.now() + 7 * 60 * 60 * 1000)
      },
    ],
    ['for an administrator who was never mailed', () => aRecordWith({ mails: {} })],
  ])('%s', async (_, change) => {
    const all = await onDay(7)
    await change()
    expect(actsIn(await round(all))).toEqual([])
    expect(await soFar()).toEqual([])
  })

  test('with a secret that has got another password meanwhile', async () => {
    const all = await onDay(1, { happens: ['chooses a password'] })
    const newer = { ClientRequestToken: 'b'.repeat(32), SecretString: 'another' }
    await clients.secrets.send(new PutSecretValueCommand({ SecretId: secretId(), ...newer }))
    expect(actsIn(await round(all))).toEqual([])
    expect(isEnded()).toBe(false)
  })
})

test('a secret that is gone is looked for once', async () => {
  const all = await onDay(1, { happens: ['chooses a password'] })
  world.secrets.delete(secretId())
  expect(actsIn(await round(all))).toEqual(ended)
  expect(actsIn(await round(all))).toEqual([])
})

test('the secret can be restored for seven days', async () => {
  const all = await onDay(1, { happens: ['chooses a password'] })
  await round(all)
  expect(world.secrets.get(secretId())?.deletionAt).toBe(Date.now() + 7 * day)
})

test('the executions that a round starts say what they are to do, and who asks', async () => {
  const first = await onDay(7)
  await round(first)
  accountId = String((accounts += 1))
  await round(await onDay(14, { settings: untilRemoved }))
  const inputs = [...machine.executions.values()].slice(-2).map(({ input }) => JSON.parse(input) as object)
  expect(inputs).toEqual([
    { accountId: String(accounts - 1), renew: 'ada', requestedBy: 'daily round' },
    {
      accountId,
      remove: { what: 'sign-in', userName: 'ada', unclaimed: true, lastWayIn: true },
      requestedBy: 'daily round',
    },
  ])
})

test('a failure in one account does not prevent the others, and ends the function by its name', async () => {
  const all = await onDay(2)
  const well = accountId
  const broken = String((accounts += 1))
  await put(`account#${broken}`, { status: 'VENDED', admins: null })
  await put(lookKey(broken), { at: new Date().toISOString(), admins: { ada: notYet } })
  await expect(round(all, [broken, well])).rejects.toThrow(TypeError)
  expect(await soFar()).toEqual(reminder)
})

describe('the reminder', () => {
  const text = async () => (await mailsTo(email)).at(-1)?.text ?? ''

  test.each<[what: string, about: Parameters<typeof onDay>[1], words: string[]]>([
    ['of a link', {}, ['You have not signed in yet', 'You can open the\nlink until 2026-11-09 06:10 UTC', 'new link']],
    ['after the claim', { happens: ['claims'] }, ['on 2026-11-02 06:10 UTC, and the page showed', 'That was not me']],
    ['of a secret', { settings: bySecret }, ['This is how you get the password:\n\n  Ask us.']],
    ['of the password', { happens: ['signs in'] }, ['have not chosen a password of your own']],
    [
      'of MFA',
      { happens: ['chooses a password'], settings: { mfa: 'required' } },
      ['have not turned on MFA', 'Assign MFA device'],
    ],
  ])('%s names the sign-in mail, and says what is left to do', async (_, about, words) => {
    const all = await onDay(2, about)
    await round(all)
    const subject = `Sign in to the AWS account Payments (${accountId}) of Example Organization as ada`
    const always = [subject, 'sent on 2026-11-02 06:10 UTC', `https://${accountId}.signin.aws.amazon.com/console`]
    for (const part of [...always, ...words]) expect(await text()).toContain(part)
    expect(await text()).not.toMatch(/{{|undefined|\n\n\n|#[\w-]{43}|password-a/)
    const [mail] = await mailsTo(email)
    expect(mail?.subject).toMatch(
      /^Reminder: (sign in to the AWS account .+ as ada|(choose your own password|turn on MFA) for the user ada in the AWS account .+)$/,
    )
    expect(mail?.html).toContain(subject)
  })
})
