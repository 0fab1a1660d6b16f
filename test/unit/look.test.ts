import { UpdateItemCommand } from '@aws-sdk/client-dynamodb'
import { expect, test } from 'vitest'
import type { Ledger } from '../../functions/shared/ledger.ts'
import { type Finding, type Found, joinFindings, type Look, readLook, updateLook } from '../../functions/shared/look.ts'
import { aFinding, aGoneFinding, aLook, putLook } from '../support/looks.ts'
import { realLedger } from '../support/real-ledger.ts'
import { accountId } from '../support/builders.ts'

const at = '2026-11-21T06:12:00.000Z'
const everything = () => true
const found = ({ kind, subject, text }: Finding): Found => ({ kind, subject, text })
const told = aFinding('mfa-off', 'ada', { toldAt: '2026-11-20T06:15:00.000Z' })
const join = (
  before: Pick<Look, 'findings' | 'gone'> | undefined,
  finds: Found[],
  judged: Parameters<typeof joinFindings>[2]['judged'] = everything,
) => joinFindings(before, finds, { judged, at })

test('a new finding begins now', () => {
  expect(join(undefined, [found(told)])).toEqual({
    findings: { 'mfa-off#ada': { ...found(told), since: at } },
    gone: {},
  })
})

test('a finding that goes on keeps since when, and that people were told, and gets the new text', () => {
  const text = 'Ada has no MFA. Ask Ada.'
  expect(join(aLook([told]), [{ ...found(told), text }])).toEqual({
    findings: { 'mfa-off#ada': { ...told, text } },
    gone: {},
  })
})

test('a report that has begun to tell a finding can go on', () => {
  const telling = { ...told, report: 'r1' }
  expect(join(aLook([telling]), [found(told)]).findings).toEqual({ 'mfa-off#ada': telling })
})

test('a finding that people were told is gone, with the time', () => {
  expect(join(aLook([{ ...told, report: 'r1' }]), [])).toEqual({
    findings: {},
    gone: { 'mfa-off#ada': { ...told, goneAt: at } },
  })
})

test('a finding that nobody was told of is dropped', () => {
  expect(join(aLook([aFinding()]), [])).toEqual({ findings: {}, gone: {} })
})

test('a passing finding is passing as long as the look says so', () => {
  const refuses: Found = { kind: 'account-refuses', subject: '', text: 'Throttling', passing: true }
  const first = join(undefined, [refuses])
  expect(first.findings['account-refuses#']?.passing).toBe(true)
  const { passing: _, ...lasting } = refuses
  expect(join(first, [lasting]).findings['account-refuses#']).toEqual({ ...lasting, since: at })
})

test('that an account was moved is told once, and is never told as gone', () => {
  expect(join(aLook([{ ...told, kind: 'unit-changed', subject: '' }]), [])).toEqual({ findings: {}, gone: {} })
})

test('a finding that this look could not judge goes on', () => {
  const before = aLook([told, aFinding('group-gone', 'Administrators', { toldAt: at })])
  expect(join(before, [], ({ kind }) => kind === 'group-gone')).toMatchObject({
    findings: { 'mfa-off#ada': told },
    gone: { 'group-gone#administrators': { goneAt: at } },
  })
})

test('a finding that is back before anybody was told that it is gone goes on', () => {
  const gone = { 'mfa-off#ada': aGoneFinding() }
  const { goneAt: _, ...before } = aGoneFinding()
  expect(join({ findings: {}, gone }, [found(told)])).toEqual({ findings: { 'mfa-off#ada': before }, gone: {} })
})

test('a finding that is back after a report has begun to tell that it is gone is new', () => {
  const gone = { 'mfa-off#ada': aGoneFinding({ report: 'r1' }) }
  expect(join({ findings: {}, gone }, [found(told)])).toEqual({
    findings: { 'mfa-off#ada': { ...found(told), since: at } },
    gone: {},
  })
})

test('what is gone and not told stays', () => {
  const gone = { 'mfa-off#ada': aGoneFinding() }
  expect(join({ findings: {}, gone }, [])).toEqual({ findings: {}, gone })
})

const ledger = realLedger()
const make = (before: Look | undefined) => aLook([], { ...before, at })

test('a look is made from the look before, and written', async () => {
  await updateLook(ledger(), accountId, make)
  expect(await readLook(ledger(), accountId)).toMatchObject(aLook([], { at }))
  await updateLook(ledger(), accountId, (before) => ({ ...before!, formerPath: 'o-exam/r-exam/' }))
  expect((await readLook(ledger(), accountId))?.formerPath).toBe('o-exam/r-exam/')
  await updateLook(ledger(), accountId, make)
  expect(await readLook(ledger(), accountId)).toMatchObject({ at, formerPath: 'o-exam/r-exam/' })
})

/** A ledger in which somebody else writes right before our write, so many times. */
const disturbed = (times: number, write: (n: number) => Promise<unknown>): Ledger => {
  let n = 0
  const send = async (command: never) => {
    if ((command as object) instanceof UpdateItemCommand && n < times) await write((n += 1))
    return ledger().dynamodb.send(command)
  }
  return { ...ledger(), dynamodb: { send } as never }
}

test('a look that a report writes meanwhile is made again, from what the report wrote', async () => {
  await putLook(ledger(), aLook([aFinding()]))
  const reporting = disturbed(1, () => putLook(ledger(), aLook([told], { reportedAt: '1' })))
  const seen: (string | undefined)[] = []
  await updateLook(reporting, accountId, (before) => {
    seen.push(before?.reportedAt)
    return { ...aLook([], { at }), ...joinFindings(before, [], { judged: everything, at }) }
  })
  expect(seen).toEqual([undefined, '1'])
  // The first try would have dropped a finding that nobody was told of.
  expect(await readLook(ledger(), accountId)).toMatchObject({ findings: {}, gone: { 'mfa-off#ada': { goneAt: at } } })
})

test('a look that is written again and again meanwhile is left to the next round', async () => {
  await putLook(ledger(), aLook([told]))
  const busy = disturbed(9, (n) => putLook(ledger(), aLook([told], { reportedAt: String(n) })))
  let tries = 0
  await updateLook(busy, accountId, () => {
    tries += 1
    return aLook([], { at })
  })
  expect(tries).toBe(3)
  expect(await readLook(ledger(), accountId)).toMatchObject({ reportedAt: '3', findings: { 'mfa-off#ada': told } })
})

test('no look, no write', async () => {
  expect(await updateLook(ledger(), '000000000000', () => undefined)).toBeUndefined()
  expect(await readLook(ledger(), '000000000000')).toBeUndefined()
})
