import { findingWords, openFindings } from '../functions/shared/findings.ts'
import { followThroughOf, followThroughWords } from '../functions/shared/follow-through.ts'
import { ourPath } from '../functions/shared/iam-client.ts'
import { requestTag } from '../functions/shared/new-account.ts'
import { nextCommand } from '../functions/shared/next-command.ts'
import { isEvent, isOpening } from '../functions/shared/event-shape.ts'
import type { Handover } from '../functions/shared/handover.ts'
import { hasFailed, sentenceOf } from '../functions/shared/failure.ts'
import { isTooDeep, parseJson } from '../functions/shared/parse.ts'
import { entryOf } from '../functions/shared/record-and-lease.ts'
import { nextOfRound } from '../functions/shared/round-failure.ts'
import type { Mail } from './aws/ses.ts'
import type { Execution } from './aws/step-functions-execution.ts'
import type { Account, World } from './aws/world.ts'
import { obstaclesOf } from './obstacles.ts'
import { accountOfExecution, nameOpened, outcomeOf, peopleOf } from './read-execution.ts'
import type { LocalOrganization } from './start-organization.ts'

/** What the page shows at one moment. Times are milliseconds since 1970, on the organization's clock. */
export type Snapshot = Awaited<ReturnType<typeof snapshotOf>> & {
  /** The new account that the doors offer. It does not exist yet. */
  offered: { id: string; name: string }
}

/** How many executions and mails the page shows: the latest ones. */
const most = 100

const doorOf = (input: string): 'event' | 'api' | 'manual' | 'daily round' => {
  const asked = parseJson(input) as { 'detail-type'?: string; requestedBy?: string } | null
  if (asked?.['detail-type']) return 'event'
  if (asked?.requestedBy === 'daily round') return 'daily round'
  return asked?.requestedBy?.includes(':assumed-role/') ? 'api' : 'manual'
}

/** The input with which the same request starts again. A person is not asked to send an event again. */
const inputAgain = (input: string, accountId: string | null) => {
  const asked = parseJson(input)
  if (isEvent(asked)) return JSON.stringify({ accountId })
  if (typeof asked !== 'object' || asked === null || Array.isArray(asked) || isTooDeep(asked)) return input
  // A new start is a new request.
  const { requestedBy: _, requestId: __, ...request } = asked as { requestedBy?: unknown; requestId?: unknown }
  return JSON.stringify(request)
}

/** What a failure means, and how to continue: the command for a terminal, and the input for a new start. */
const shownFailure = (execution: Execution, endpointPort: string) => {
  const accountId = accountOfExecution(execution)
  const { executionArn, stateMachineArn, status, input } = execution
  const { error, what, advice, goOn, command, request } = nextCommand(execution, {
    accountId: accountId ?? nameOpened(execution) ?? 'ACCOUNT',
    execution: { executionArn, stateMachineArn, status, input, startDate: new Date(execution.startDate) },
    options: ` --local ${endpointPort}`,
    target: executionArn,
  })
  // Whoever corrects a request for an account corrects one text, for a terminal and for the page.
  const again = request && isOpening(parseJson(input)) ? JSON.stringify(request) : inputAgain(input, accountId)
  return { error, explained: { what, advice, goOn, command, again, needsFile: request !== undefined } }
}

type OnRecord = Awaited<ReturnType<LocalOrganization['onRecord']>>

/** How far an administrator is with signing in, and what the daily round did about that, in words. */
const followedThrough = ({ accounts, looks, followUps }: OnRecord, accountId: string, userName: string) => {
  const name = userName.toLowerCase()
  const record = accounts.get(accountId)
  const admin = entryOf(record?.admins, name)
  if (!record || !admin || admin.kept) return []
  const followUp = followUps.get(`${accountId}#${name}`)
  return followThroughWords(followThroughOf(userName, { record, look: looks.get(accountId), followUp }))
}

/** What the daily round found in an account and what is still so, the worst first. */
const foundIn = ({ looks }: OnRecord, accountId: string) => {
  const look = looks.get(accountId)
  return look ? openFindings(look).map(({ kind, subject, text }) => ({ what: findingWords[kind], subject, text })) : []
}

const shownAccount = (world: World, account: Account, onRecord: OnRecord) => {
  const { id, name, state, parentId, users, deniedActions } = account
  return {
    id,
    name,
    state,
    unit: pathOf(world, parentId),
    users: [...users.values()].map(({ name, path, groups, login }) => ({
      name,
      ours: path === ourPath,
      groups: [...groups].map((group) => group.name),
      signsIn: login !== undefined,
      mail: onRecord.mails.get(`${id}#${name.toLowerCase()}`)?.status,
      claim: claimOf(onRecord.handovers.get(`${id}#${name.toLowerCase()}`)),
      followThrough: followedThrough(onRecord, id, name),
    })),
    findings: foundIn(onRecord, id),
    secrets: [...world.secrets.keys()].filter((secretName) => secretName.startsWith(`account-vending/${id}/`)),
    deniedActions,
    obstacles: obstaclesOf(account),
  }
}

const shownExecution = (world: World, execution: Execution, endpointPort: string) => {
  const { executionArn, name, status, startDate, stopDate, states, history, redriveCount } = execution
  const door = doorOf(execution.input)
  const accountId = accountOfExecution(execution)
  return {
    workflow: 'vend' as const,
    executionArn,
    name,
    status,
    door,
    accountId,
    /** Whether an event about an account started it, and a request opens that account. */
    isEventOfOpening: door === 'event' && requestTag in (world.accounts.get(accountId ?? '')?.tags ?? {}),
    opens: nameOpened(execution),
    outcome: outcomeOf(execution),
    cause: sentenceOf(execution.cause),
    people: peopleOf(execution),
    ...(hasFailed(status) && shownFailure(execution, endpointPort)),
    startDate,
    stopDate,
    states,
    history,
    redriveCount,
  }
}

/** What a round that succeeded has found; undefined for any other round. */
const foundByRound = ({ status, output }: Execution) => {
  if (status !== 'SUCCEEDED') return undefined
  const { toLookAt, report } = output as { toLookAt: number; report: { open: number; new: number; gone: number } }
  return { toLookAt, open: report.open, new: report.new, gone: report.gone }
}

const shownRound = (execution: Execution, endpointPort: string) => {
  const { executionArn, stateMachineArn, name, status, error, input } = execution
  const { startDate, stopDate, states, history, redriveCount } = execution
  const explained =
    hasFailed(status) &&
    nextOfRound(
      { executionArn, stateMachineArn, status, input, error, startDate: new Date(startDate) },
      { status, options: ` --local ${endpointPort}` },
    )
  return {
    workflow: 'round' as const,
    executionArn,
    name,
    status,
    found: foundByRound(execution),
    cause: sentenceOf(execution.cause),
    ...(explained && { error: explained.error, explained }),
    startDate,
    stopDate,
    states,
    history,
    redriveCount,
  }
}

/** What became of an administrator's link. A newer link is open again, whatever happened to the link before. */
const claimOf = (handover: Pick<Handover, 'claim'> | undefined) =>
  handover?.claim && (handover.claim.disownedAt ? 'password shown to somebody else' : 'password shown')

const shownMail = ({ messageId, from, to, subject, text, html, at, function: by }: Mail, apiUrl: string) => ({
  messageId,
  from,
  to,
  subject,
  text,
  html,
  at,
  /** The address of the page that shows the password, as it is in the mail. */
  link: text?.split(/\s+/).find((word) => word.startsWith(`${apiUrl}/link#`)),
  isNotice: by === 'report-failure',
})

/** The names on the way from the root to an organizational unit; empty for the root. */
const pathOf = (world: World, unitId: string): string => {
  const unit = world.organizationalUnits.get(unitId)
  return unit ? [pathOf(world, unit.parentId), unit.name].filter(Boolean).join('/') : ''
}

/** Takes the page's snapshot of an organization. Accounts, executions and mails begin with the newest. */
export const snapshotOf = async (organization: LocalOrganization) => {
  const { world, vending, clock, executions, rounds, endpointUrl, apiUrl, apiRoles, deadLetters } = organization
  const [mails, onRecord, requests] = await Promise.all([
    organization.mails(),
    organization.onRecord(),
    organization.requests(),
  ])
  const endpointPort = new URL(endpointUrl).port
  const [operator] = apiRoles
  return {
    now: world.now(),
    speed: clock.speed,
    managementAccountId: world.managementAccountId,
    region: world.region,
    automatic: vending.automatic,
    allowedRecipient: vending.allowedRecipients[0] ?? '',
    /** For how many days a link in a mail can be opened; undefined if mails have no links. */
    linkDays: vending.delivery === 'link' ? vending.linkDays : undefined,
    stateMachineArn: organization.deployed.stateMachineArn,
    endpointUrl,
    /** What `npx vend --local` takes. */
    endpointPort,
    apiUrl,
    apiKey: operator ? `${operator.accessKeyId}:${operator.secretAccessKey}` : '',
    accounts: [...world.accounts.values()].toReversed().map((account) => shownAccount(world, account, onRecord)),
    requests,
    /** The organizational units by path, such as Workloads/Sandbox. */
    units: [...world.organizationalUnits.values()]
      .map(({ id }) => ({ id, path: pathOf(world, id) }))
      .sort((a, b) => a.path.localeCompare(b.path)),
    /** The names of the accounts that Organizations is creating. */
    creating: [...world.createRequests.values()].flatMap(({ state, accountName }) =>
      state === 'IN_PROGRESS' ? [accountName] : [],
    ),
    executions: [...executions.values(), ...rounds.values()]
      .sort((a, b) => a.startDate - b.startDate)
      .slice(-most)
      .toReversed()
      .map((execution) =>
        rounds.has(execution.executionArn)
          ? shownRound(execution, endpointPort)
          : shownExecution(world, execution, endpointPort),
      ),
    deadLetters: deadLetters.length,
    mails: mails
      .slice(-most)
      .toReversed()
      .map((mail) => shownMail(mail, apiUrl)),
  }
}
