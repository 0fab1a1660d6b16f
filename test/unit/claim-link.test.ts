import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge'
import { mockClient } from 'aws-sdk-client-mock'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { claimLink, disown } from '../../functions/claim-link/claim-link.ts'
import { visitorOf } from '../../functions/claim-link/visitor.ts'
import { createLink, handoverState, openLinks, readHandover, recordBox } from '../../functions/shared/handover.ts'
import { makeLinkKey, openBox, sealBox } from '../../functions/shared/sealed-box.ts'
import { realLedger } from '../support/real-ledger.ts'

// The claim is decided by conditions of DynamoDB, so a DynamoDB evaluates them here.

const eventBridge = mockClient(EventBridgeClient)
const events = new EventBridgeClient({})
const ledger = realLedger()

const start = Date.parse('2026-11-27T09:00:00Z')
let accounts = 100000001234
let accountId: string
beforeEach(() => {
  // A new administrator for each test.
  accountId = String((accounts += 10_000))
  vi.useFakeTimers({ toFake: ['Date'], now: start })
  eventBridge.reset()
  eventBridge.on(PutEventsCommand).resolves({ FailedEntryCount: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})
const later = (minutes: number) => vi.setSystemTime(Date.now() + minutes * 60_000)
const day = 24 * 60

const userName = 'ada'
const version = 'v1'.padEnd(32, '0')

/** Mails a link: what SendLoginEmail does. */
const mail = async ({ secretVersion = version, email = 'ada@example.com', days = 7 } = {}) => {
  const link = await makeLinkKey()
  const made = await createLink(ledger(), { ...link, accountId, userName, email, secretVersion, days })
  return { ...link, made }
}
const handover = async () => (await readHandover(ledger(), { accountId, userName }))!
/** Seals all open links: what SealPassword does. */
const seal = async (secretVersion = version, text = 'the password') => {
  for (const [id, link] of openLinks(await handover(), secretVersion))
    await recordBox(
      ledger(),
      { accountId, userName },
      { id, link, secretVersion, box: await sealBox({ publicKey: link.publicKey, id, text }) },
    )
}
const mailed = async (options = {}) => {
  const link = await mail(options)
  await seal()
  return link
}

const owner = visitorOf({ sourceIp: '203.0.113.7', userAgent: 'Mozilla/5.0 Gecko/20100101 Firefox/140.0' })
const thief = visitorOf({ sourceIp: '2001:db8:1:2::3', userAgent: 'curl/8.0' })
const nonce = (letter = 'n') => letter.repeat(22)
const claim = (id: string, { digits = '1234', by = owner, page = 'n' } = {}) =>
  claimLink({ ledger: ledger(), events }, { id, digits, nonce: nonce(page) }, by)
const sayNotMe = (id: string, digits = '1234') => disown({ ledger: ledger(), events }, { id, digits })
const sentEvents = () =>
  eventBridge
    .commandCalls(PutEventsCommand)
    .flatMap(({ args }) => args[0].input.Entries ?? [])
    .map(({ DetailType }) => DetailType)

const states = async (answer: ReturnType<typeof claim>) => {
  const { status, body } = await answer
  return [status, body.state]
}

describe('a claim', () => {
  test('answers the box, which opens with the link’s key', async () => {
    const { id, scalar } = await mailed()
    const { status, body } = await claim(id)
    expect(status).toBe(200)
    const { publicKey, box } = body as never
    expect((await openBox({ scalar, publicKey, box })).trim()).toBe('the password')
    expect(sentEvents()).toEqual(['Link Claimed'])
  })

  test('is on record before the answer leaves', async () => {
    const { id } = await mailed()
    eventBridge.on(PutEventsCommand).callsFake(async () => {
      expect((await handover()).claim).toMatchObject({ linkId: id, network: '203.0.113.0/24', browser: 'Firefox' })
      return { FailedEntryCount: 0 }
    })
    await claim(id)
    expect.assertions(1)
  })

  test('is repeated for the page that made the nonce, for ten minutes, and for no other', async () => {
    const { id } = await mailed()
    const first = await claim(id)
    later(9)
    expect((await claim(id)).body['box']).toEqual(first.body['box'])
    expect(await states(claim(id, { page: 'm' }))).toEqual([409, 'claimed'])
    later(2)
    expect(await states(claim(id))).toEqual([409, 'claimed'])
  })

  test('that broke before its answer is repeated: the same nonce gets the box, another does not', async () => {
    const { id } = await mailed()
    eventBridge.on(PutEventsCommand).rejectsOnce(new Error('the function was killed')).resolves({})
    await expect(claim(id)).rejects.toThrow('killed')
    expect(await states(claim(id, { page: 'm' }))).toEqual([409, 'claimed'])
    expect(await states(claim(id))).toEqual([200, 'claimed-now'])
    expect(sentEvents()).toContain('Link Claimed')
  })

  test('whose answer by DynamoDB was lost is answered: the SDK writes it again, and the condition fails', async () => {
    const { id } = await mailed()
    const { middlewareStack } = ledger().dynamodb
    middlewareStack.add(
      (next, { commandName }) =>
        async (given) => {
          if (commandName === 'UpdateItemCommand') await next(given)
          return next(given)
        },
      { step: 'finalizeRequest', name: 'twice' },
    )
    onTestFinished(() => void middlewareStack.remove('twice'))
    expect(await states(claim(id))).toEqual([200, 'claimed-now'])
    expect(sentEvents()).toEqual(['Link Claimed'])
  })

  test('spends all links of the administrator, and each visitor sees the other', async () => {
    const [first, second] = [await mail(), await mail()]
    await seal()
    expect(await states(claim(first.id, { by: thief }))).toEqual([200, 'claimed-now'])
    later(60)
    const { status, body } = await claim(second.id, { page: 'm' })
    expect(status).toBe(409)
    expect(body).toEqual({
      state: 'claimed',
      at: new Date(start).toISOString(),
      network: '2001:db8:1::/48',
      browser: 'another program',
      disowned: false,
    })
  })

  test('50 claims over two links at one instant: one box', async () => {
    const links = [await mail(), await mail()]
    await seal()
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        claimLink({ ledger: ledger(), events }, { id: links[i % 2]!.id, digits: '1234', nonce: nonce() + i }, owner),
      ),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(answers.filter(({ body }) => body.state === 'claimed')).toHaveLength(49)
    expect(answers.filter(({ body }) => 'box' in body)).toHaveLength(1)
  })

  test('boxes that were exchanged between two links do not open', async () => {
    const [one, other] = [await mail(), await mail()]
    await seal()
    const { links } = await handover()
    const [first, second] = [links[one.id]!, links[other.id]!]
    for (const [id, link, box] of [
      [one.id, first, second.box],
      [other.id, second, first.box],
    ] as const)
      await recordBox(ledger(), { accountId, userName }, { id, link, box: box!, secretVersion: version })
    const { publicKey, box } = (await claim(one.id)).body as never
    await expect(openBox({ scalar: one.scalar, publicKey, box })).rejects.toThrow()
    await expect(openBox({ scalar: other.scalar, publicKey, box })).rejects.toThrow()
  })
})

describe('a link that cannot be claimed:', () => {
  test.each([
    ['no JSON object', undefined],
    ['another id', { id: 'x'.repeat(43), digits: '1234', nonce: nonce() }],
    ['a short id', { id: 'x', digits: '1234', nonce: nonce() }],
    ['an id of another type', { id: 1, digits: '1234', nonce: nonce() }],
    ['no nonce', { id: 'x'.repeat(43), digits: '1234' }],
  ])('%s looks like every unknown link', async (_, request) => {
    expect(await claimLink({ ledger: ledger(), events }, request, owner)).toEqual({
      status: 404,
      body: { state: 'unknown' },
    })
  })

  test('not sealed yet: nothing is spent', async () => {
    const { id } = await mail()
    expect(await claim(id)).toEqual({ status: 503, body: { state: 'not-sealed' }, retryAfter: 5 })
    expect((await handover()).claim).toBeUndefined()
    await seal()
    expect(await states(claim(id))).toEqual([200, 'claimed-now'])
  })

  test('expired, although DynamoDB has not deleted anything', async () => {
    const { id } = await mailed()
    later(7 * day - 1)
    expect(handoverState(await handover())).toMatchObject({ state: 'open' })
    later(1)
    expect(await states(claim(id))).toEqual([410, 'expired'])
    expect(handoverState(await handover())).toMatchObject({ state: 'expired' })
  })

  test('replaced by a link for a new password', async () => {
    const { id } = await mailed()
    const newer = await mail({ secretVersion: 'v2' })
    await seal('v2', 'the new password')
    expect(await states(claim(id))).toEqual([410, 'replaced'])
    expect(await states(claim(newer.id))).toEqual([200, 'claimed-now'])
  })

  test('a box for an earlier version of the password is not recorded', async () => {
    const { id } = await mail()
    const link = (await handover()).links[id]!
    const box = await sealBox({ publicKey: link.publicKey, id, text: 'old' })
    expect(await recordBox(ledger(), { accountId, userName }, { id, link, box, secretVersion: 'v0' })).toBe(false)
    expect(await states(claim(id))).toEqual([503, 'not-sealed'])
  })
})

describe('the last four digits of the account’s number', () => {
  test('that are wrong reveal nothing and spend nothing', async () => {
    const { id } = await mailed()
    expect(await claim(id, { digits: '4321' })).toEqual({ status: 403, body: { state: 'wrong-digits', triesLeft: 4 } })
    expect(await states(claim(id, { digits: '' }))).toEqual([403, 'wrong-digits'])
    expect(await states(claim(id))).toEqual([200, 'claimed-now'])
  })

  test('that are wrong five times lock all links of the administrator for 15 minutes', async () => {
    const [one, other] = [await mail(), await mail()]
    await seal()
    for (const left of [4, 3, 2, 1, 0])
      expect((await claim(one.id, { digits: '0000' })).body).toEqual({ state: 'wrong-digits', triesLeft: left })
    const { status, body, retryAfter } = await claim(other.id)
    expect([status, body.state, retryAfter]).toEqual([429, 'locked', 15 * 60])
    later(14)
    expect(await states(claim(other.id))).toEqual([429, 'locked'])
    later(2)
    expect(await states(claim(other.id))).toEqual([200, 'claimed-now'])
  })

  test('of 40 wrong tries at one instant, five are told that they are wrong', async () => {
    const { id } = await mailed()
    const answers = await Promise.all(Array.from({ length: 40 }, () => claim(id, { digits: '9999' })))
    expect(answers.filter(({ body }) => body.state === 'wrong-digits')).toHaveLength(5)
    expect(answers.filter(({ body }) => body.state === 'locked')).toHaveLength(35)
  })

  test('are counted anew after 15 minutes without a try', async () => {
    const { id } = await mailed()
    for (let i = 0; i < 4; i++) await claim(id, { digits: '0000' })
    later(16)
    expect((await claim(id, { digits: '0000' })).body).toEqual({ state: 'wrong-digits', triesLeft: 4 })
  })
})

describe('“That was not me”', () => {
  test('is recorded once for a claim, and sends one event', async () => {
    const [first, second] = [await mail(), await mail()]
    await seal()
    await claim(first.id, { by: thief })
    expect(await states(sayNotMe(second.id, '0000'))).toEqual([403, 'wrong-digits'])
    expect(await states(sayNotMe(second.id))).toEqual([200, 'disowned'])
    expect(await states(sayNotMe(second.id))).toEqual([200, 'disowned'])
    expect(sentEvents()).toEqual(['Link Claimed', 'Claim Disowned'])
    expect((await claim(second.id, { page: 'm' })).body).toMatchObject({ state: 'claimed', disowned: true })
    // Nor does the thief's own page get the password again, which is being replaced.
    expect((await claim(first.id, { by: thief })).body).toMatchObject({ state: 'claimed', disowned: true })
    expect(handoverState(await handover())).toMatchObject({ state: 'disowned' })
  })

  test('is sent again if the event was lost', async () => {
    const { id } = await mailed()
    await claim(id, { by: thief })
    eventBridge.on(PutEventsCommand).rejects(new Error('lost'))
    await expect(sayNotMe(id)).rejects.toThrow('lost')
    eventBridge.on(PutEventsCommand).resolves({})
    expect(await states(sayNotMe(id))).toEqual([200, 'disowned'])
    expect(sentEvents().filter((type) => type === 'Claim Disowned')).toHaveLength(2)
  })

  test('needs a claim, and a link that was not replaced', async () => {
    const { id } = await mailed()
    expect(await states(sayNotMe(id))).toEqual([409, 'not-claimed'])
    await mail({ secretVersion: 'v2' })
    expect(await states(sayNotMe(id))).toEqual([410, 'replaced'])
    expect(await states(sayNotMe('y'.repeat(43)))).toEqual([404, 'unknown'])
    expect(sentEvents()).toEqual([])
  })
})

test('a link for a password that was claimed is not made', async () => {
  const { id } = await mailed()
  await claim(id)
  expect((await mail()).made).toBeUndefined()
  expect((await mail({ secretVersion: 'v2' })).made).toMatch(/^2.*Z$/)
  expect((await handover()).claim).toBeUndefined()
})

test.each([
  ['203.0.113.77', '203.0.113.0/24'],
  ['2001:db8:abcd:12:3:4:5:6', '2001:db8:abcd::/48'],
  ['2001:db8::1', '2001:db8:0::/48'],
  ['::1', '0:0:0::/48'],
  ['::ffff:203.0.113.77', 'unknown'],
  ['', 'unknown'],
])('of the address %s, the network %s is kept', (sourceIp, network) => {
  expect(visitorOf({ sourceIp, userAgent: '' }).network).toBe(network)
})

test.each([
  ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox'],
  ['Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0', 'Edge'],
  ['Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36', 'Chrome'],
  ['Mozilla/5.0 AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15', 'Safari'],
  ['curl/8.0', 'another program'],
])('of the user agent %s, the name %s is kept', (userAgent, browser) => {
  expect(visitorOf({ sourceIp: '', userAgent }).browser).toBe(browser)
})
