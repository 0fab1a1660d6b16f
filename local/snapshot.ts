import { ourPath } from '../functions/shared/assume-role.ts'
import { errorOf, explanationOf, hasFailed, sentenceOf } from '../functions/shared/failure.ts'
import { parseJson } from '../functions/shared/parse.ts'
import type { Mail } from './aws/ses.ts'
import type { Execution } from './aws/step-functions-execution.ts'
import type { Account, World } from './aws/world.ts'
import { accountOfExecution, outcomeOf } from './read-execution.ts'
import type { LocalOrganization } from './start-organization.ts'

/** What the page shows at one moment. Times are milliseconds since 1970, on the organization's clock. */
export type Snapshot = Awaited<ReturnType<typeof snapshotOf>>

/** How many executions and mails the page shows: the latest ones. */
const most = 50

const doorOf = (input: string): 'event' | 'api' | 'manual' => {
  const asked = parseJson(input) as { 'detail-type'?: string; requestedBy?: string } | null
  if (asked?.['detail-type']) return 'event'
  return asked?.requestedBy?.includes(':assumed-role/') ? 'api' : 'manual'
}

const shownAccount = ({ secrets }: World, { id, name, state, users, deniedActions }: Account) => ({
  id,
  name,
  state,
  users: [...users.values()].map(({ name, path, groups, login }) => ({
    name,
    ours: path === ourPath,
    groups: [...groups].map((group) => group.name),
    signsIn: login !== undefined,
  })),
  secrets: [...secrets.keys()].filter((secretName) => secretName.startsWith(`account-vending/${id}/`)),
  deniedActions,
})

const shownExecution = (execution: Execution) => {
  const { executionArn, name, status, startDate, stopDate, states, history, redriveCount } = execution
  return {
    executionArn,
    name,
    status,
    door: doorOf(execution.input),
    accountId: accountOfExecution(execution),
    outcome: outcomeOf(execution),
    cause: sentenceOf(execution.cause),
    ...(hasFailed(status) && { error: errorOf(execution), explained: explanationOf(execution) }),
    startDate,
    stopDate,
    states,
    history,
    redriveCount,
  }
}

const shownMail = ({ messageId, from, to, subject, text, html, at, function: by }: Mail) => ({
  messageId,
  from,
  to,
  subject,
  text,
  html,
  at,
  isNotice: by === 'report-failure',
})

/** Takes the page's snapshot of an organization. Accounts, executions and mails begin with the newest. */
export const snapshotOf = async (organization: LocalOrganization) => {
  const { world, vending, clock, executions, endpointUrl, apiUrl, apiRoles } = organization
  const mails = await organization.mails()
  const [operator] = apiRoles
  return {
    now: world.now(),
    speed: clock.speed,
    managementAccountId: world.managementAccountId,
    region: world.region,
    automatic: vending.automatic,
    allowedRecipient: vending.allowedRecipients[0] ?? '',
    stateMachineArn: organization.deployed.stateMachineArn,
    endpointUrl,
    apiUrl,
    apiKey: operator ? `${operator.accessKeyId}:${operator.secretAccessKey}` : '',
    accounts: [...world.accounts.values()].toReversed().map((account) => shownAccount(world, account)),
    /** The names of the accounts that Organizations is creating. */
    creating: [...world.createRequests.values()].flatMap(({ state, accountName }) =>
      state === 'IN_PROGRESS' ? [accountName] : [],
    ),
    executions: [...executions.values()].slice(-most).toReversed().map(shownExecution),
    mails: mails.slice(-most).toReversed().map(shownMail),
  }
}
