import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { csvText } from '../functions/shared/csv-text.ts'
import { byWorst, openFindings } from '../functions/shared/findings.ts'
import { scan } from '../functions/shared/ledger.ts'
import { allLooks } from '../functions/shared/look.ts'
import { allAccounts, isGone } from '../functions/shared/record-and-lease.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { findService, serviceClients } from './service.ts'
import { showTime, table, width } from './show.ts'
import { unitOf } from './unit.ts'

/** A finding that is open, with the account. */
export type Drifted = ReturnType<typeof openFindings>[number] & {
  accountId: string
  accountName: string
  /** The place in the organization: the ids of the root and of the units. Empty if Organizations does not tell. */
  path: string
  /** When the round last looked at the account, ISO 8601. */
  lookedAt: string
}

export type Drift = {
  /** How many accounts the round has looked at. */
  accounts: number
  /** When the round last looked at one of them, ISO 8601. Missing if the round has looked at none. */
  lookedAt?: string
  /** With a unit: how many accounts are left out because Organizations did not say where they are. */
  withoutPlace?: number
  findings: Drifted[]
}

export const driftClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
})

/**
 * Lists what the daily round found and what is still so, the worst first. Reads only the ledger, and for `ou` the units
 * of the organization. Accounts that left the organization or were closed are left out.
 * Throws `NotDeployedError`, and `UsageError` if there is no such unit.
 */
export async function drift(
  clients: ReturnType<typeof driftClients>,
  { stage, ou }: { stage: string; ou?: string | undefined },
): Promise<Drift> {
  const { ledger } = await findService(clients, stage)
  const [{ looks, records }, unit] = await Promise.all([
    scan(ledger, { looks: allLooks, records: allAccounts() }),
    ou === undefined ? undefined : unitOf(clients.organizations, ou),
  ])
  const all = [...looks.values()].filter(({ accountId }) => !isGone(records.get(accountId)?.status))
  const here = unit === undefined ? all : all.filter(({ path }) => path.split('/').includes(unit))
  const withoutPlace = unit === undefined ? 0 : all.filter(({ path }) => !path).length
  const lookedAt = here
    .map(({ at }) => at)
    .sort()
    .at(-1)
  const findings = here.flatMap(({ accountId, accountName, path, at, findings }) =>
    openFindings({ findings }).map((finding) => ({ accountId, accountName, path, ...finding, lookedAt: at })),
  )
  return {
    accounts: here.length,
    ...(lookedAt && { lookedAt }),
    ...(withoutPlace && { withoutPlace }),
    findings: findings.sort(byWorst),
  }
}

const columns: [head: string, of: (one: Drifted) => string][] = [
  ['Account', ({ accountId }) => accountId],
  ['Name', ({ accountName }) => accountName],
  ['Finding', ({ kind }) => kind],
  ['About', ({ subject }) => subject],
  ['Since', ({ since }) => since],
  ['Looked at', ({ lookedAt }) => lookedAt],
  ['Path', ({ path }) => path],
  ['What to do', ({ text }) => text],
]

/** The findings as a CSV file, a line each. */
export const driftFile = ({ findings }: Drift) =>
  csvText([columns.map(([head]) => head), ...findings.map((one) => columns.map(([, of]) => of(one)))])

/** `1 finding`, `2 findings`. */
export const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`

/** The findings for a person, a line each. `most` is the most columns of a line: a program wants each finding whole.
 * `isPart`: only a unit was asked for. `options` are those of the present command. */
export const showDrift = (
  { accounts, lookedAt, withoutPlace, findings }: Drift,
  { most = width, isPart = false, options = '' } = {},
) => {
  const rows = findings.map(({ accountId, accountName, kind, subject, since, text }) => [
    accountId,
    accountName,
    kind,
    subject,
    since.slice(0, 10),
    text,
  ])
  return [
    findings.length
      ? table(['Account', 'Name', 'Finding', 'About', 'Since', 'What to do'], rows, most)
      : lookedAt && 'Nothing was found.',
    lookedAt
      ? `${counted(findings.length, 'finding')}. The daily round has looked at ${counted(accounts, 'account')}, most recently at ${showTime(lookedAt)}.`
      : `The daily round has not looked at any account${isPart ? ' of this unit' : ''} yet. To start a round: npx vend round --wait${options}`,
    withoutPlace &&
      `Organizations did not say where ${counted(withoutPlace, 'account')} ${withoutPlace === 1 ? 'is. Without --ou, this account is' : 'are. Without --ou, these accounts are'} listed, too.`,
  ]
    .filter(Boolean)
    .join('\n')
}
