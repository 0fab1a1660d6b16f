import { sentenceOf } from '../functions/shared/failure.ts'
import { parseJson } from '../functions/shared/parse.ts'
import type { Mail } from './aws/ses.ts'
import type { Execution } from './aws/step-functions-execution.ts'
import type { Call } from './aws/world.ts'
import { accountNamed, type Input } from './input.ts'
import { contentOfAccount } from './look-into-account.ts'
import { accountOfExecution, nameOpened, outcomeOf } from './read-execution.ts'
import type { LocalOrganization } from './start-organization.ts'

/** One vend as `npm start -- --json` prints it: the input's door, what was made, and the AWS calls of the functions. */
export type VendReport = Awaited<ReturnType<typeof report>>

type Vended = {
  input: Input
  matched: boolean
  response: { status: number; headers: Record<string, string>; body: unknown } | null
  execution: Execution | null
  calls: Call[]
  mails: Mail[]
}

/** Reports a vend that has ended, with the groups, users and secrets that the account has now. */
export const report = async (organization: LocalOrganization, vended: Vended) => {
  const { world } = organization
  const { input, matched, response, execution, calls, mails } = vended
  const accountId = accountNamed(input, world.managementAccountId) ?? (execution && accountOfExecution(execution))
  const opened = execution ? nameOpened(execution) : undefined
  const isNotice = (mail: Mail) => mail.function === 'report-failure'
  const shown = ({ from, to, subject, text, html }: Mail) => ({ from, to, subject, text, html })
  return {
    door: input.door,
    matched,
    accountId,
    ...(opened !== undefined && { opened }),
    response,
    execution: execution && shownExecution(execution),
    ...(accountId && world.accounts.has(accountId)
      ? await contentOfAccount(organization, accountId, await keptUsers(organization, accountId, execution))
      : { groups: [], users: [], secrets: [] }),
    mails: mails.filter((mail) => !isNotice(mail)).map(shown),
    calls: calls.flatMap(({ service, operation, accountId, function: by }) =>
      by ? [{ service, operation, accountId, function: by }] : [],
    ),
    notices: mails.filter(isNotice).map(shown),
  }
}

/** The users that were kept, in lower case: from the execution's output, or from the ledger if the execution failed. */
const keptUsers = async (organization: LocalOrganization, accountId: string, execution: Execution | null) => {
  if (!execution) return []
  const { admins = [] } = (execution.output ?? {}) as { admins?: { userName: string; kept: boolean }[] }
  const request = { method: 'GET', path: `/accounts/${accountId}`, headers: {}, body: '' }
  const { body } = await organization.requestApi(request)
  const record = parseJson(body) as { executionArn?: string; asked?: { kept?: string[] } } | undefined
  const inLedger = record?.executionArn === execution.executionArn ? (record.asked?.kept ?? []) : []
  const inOutput = admins.filter(({ kept }) => kept).map(({ userName }) => userName)
  return [...inLedger, ...inOutput].map((name) => name.toLowerCase())
}

const shownExecution = ({ name, status, error, cause, output, states }: Execution) => ({
  name,
  status,
  error: error ?? null,
  cause: cause === undefined ? null : sentenceOf(cause),
  output: output ?? null,
  states: states.map(({ name, status }) => ({ name, status })),
})

/** How a vend ended, in a word or two. */
export const endOf = ({ execution, response, matched }: VendReport) =>
  (execution && outcomeOf(execution)) ??
  (execution ? 'failed' : response ? `HTTP ${response.status}` : matched ? 'reported' : 'no rule matched')

/** Whether the execution did not succeed, or the API answered with a status of 400 or more. */
export const hasFailed = ({ execution, response }: VendReport) =>
  (execution !== null && execution.status !== 'SUCCEEDED') || (response !== null && response.status >= 400)
