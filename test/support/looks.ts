import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall } from '@aws-sdk/util-dynamodb'
import type { Ledger } from '../../functions/shared/ledger.ts'
import { type Finding, findingKey, type FindingKind, type Look, lookKey } from '../../functions/shared/look.ts'
import { accountId } from './builders.ts'

export const aFinding = (kind: FindingKind = 'mfa-off', subject = 'ada', more: Partial<Finding> = {}): Finding => ({
  kind,
  subject,
  text: `${subject} has ${kind}. Ask ${subject}.`,
  since: '2026-11-20T06:12:00.000Z',
  ...more,
})

/** A finding that was told, and that the last look did not find any more. */
export const aGoneFinding = (more: Partial<Finding> = {}) => ({
  ...aFinding('mfa-off', 'ada', { toldAt: '2026-11-19T06:15:00.000Z', ...more }),
  goneAt: '2026-11-20T06:12:00.000Z',
})

export const aLook = (findings: Finding[] = [], more: Partial<Look> = {}): Look => ({
  accountId,
  accountName: 'Payments',
  at: '2026-11-20T06:12:00.000Z',
  path: 'o-exam/r-exam/',
  admins: {},
  findings: Object.fromEntries(findings.map((finding) => [findingKey(finding), finding])),
  gone: {},
  ...more,
})

export const putItem = ({ dynamodb, tableName }: Ledger, pk: string, item: object) =>
  dynamodb.send(
    new PutItemCommand({ TableName: tableName, Item: marshall({ ...item, pk }, { removeUndefinedValues: true }) }),
  )

export const putLook = (ledger: Ledger, look: Look) => putItem(ledger, lookKey(look.accountId), look)
