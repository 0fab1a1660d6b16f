import { DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { type DescribeExecutionOutput, SFNClient } from '@aws-sdk/client-sfn'
import { setTimeout } from 'node:timers/promises'
import { styleText } from 'node:util'
import { getAccount } from '../functions/get-account/get-account.ts'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { mayChange, readExecution } from '../functions/shared/execution.ts'
import { actWords, followUpState } from '../functions/shared/follow.ts'
import { followThroughWords } from '../functions/shared/follow-through.ts'
import { type Failure, hasFailed, sentenceOf } from '../functions/shared/failure.ts'
import { type Ledger, scan } from '../functions/shared/ledger.ts'
import type { AdminSeen } from '../functions/shared/look.ts'
import type { MailStatus } from '../functions/shared/mail-events.ts'
import { toldFailures } from '../functions/shared/notes.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { withoutField } from './command-errors.ts'
import { type NextCommand, nextCommand, showCommand } from '../functions/shared/next-command.ts'
import { showFoundByRound, showLookedAt } from './found-by-round.ts'
import { showLinkState } from './links.ts'
import { sayCredentials } from '../functions/shared/removal.ts'
import { findService, type Service, serviceClients } from './service.ts'
import { showTime, table, wrap } from './show.ts'

type Account = Extract<Awaited<ReturnType<typeof getAccount>>, { executionArn: string }>
type Always = 'accountId' | 'timeline' | 'groups' | 'admins'
/** What getAccount answers. Without a record, most of it is missing. */
type Recorded = Pick<Account, Always> & {
  [Key in keyof Omit<Account, Always | 'status'>]?: Account[Key] | undefined
} & {
  status: string
}
export type Status = Omit<Recorded, 'status' | 'failure'> & {
  /**
   * NOT_VENDED, VENDING, VENDED, FAILED, REMOVED, DEPARTED or CLOSED; for one execution also the end state in which it
   * found nothing to do.
   */
  status: string
  /** The account's State, as Organizations says. Missing if the account is not in the organization. */
  accountState?: string
  execution?: { status: string; startDate?: string; stopDate?: string; redriveCount: number }
  failure?: NextCommand & { cause: string }
}
export const statusClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
  sfn: make(SFNClient),
})
type Clients = ReturnType<typeof statusClients>

type Input = {
  accountId: string
  stage: string
  /** An execution to tell about, instead of the last execution that worked on the account. */
  executionArn?: string
  /** The options of this command, which the next command needs too. */
  options: string
}

/**
 * Reads the status of an account: the record, the steps with their times, and after a failure its cause and the command
 * that continues.
 * Throws `NotDeployedError`, `InvalidInputError` and `AccountNotFoundError`.
 */
export async function status(clients: Clients, input: Input): Promise<Status> {
  const shown = await statusIn(clients, await findService(clients, input.stage), input)
  const accountState = await stateOfAccount(clients, input.accountId)
  return { ...shown, ...(accountState && { accountState }) }
}

const stateOfAccount = async ({ organizations }: Clients, accountId: string) => {
  try {
    const { Account } = await organizations.send(new DescribeAccountCommand({ AccountId: accountId }))
    return Account?.State
  } catch (error) {
    if (isNamed(error, 'AccountNotFoundException')) return undefined
    throw error
  }
}

const statusIn = async (clients: Clients, { ledger }: Service, input: Input): Promise<Status> => {
  const { accountId, options } = input
  const given = input.executionArn ? await readExecution(clients.sfn, input.executionArn) : undefined
  const { status, failure, ...account } = await readRecord(clients, ledger, accountId).catch((error: unknown) => {
    // The execution may have failed for the same reason, and its failure must be told.
    if (!given || !isNamed(error, 'AccountNotFoundError')) throw error
    return nothingOnRecord(accountId)
  })
  const recorded = account.executionArn
  // A vend that was refused at once left only the note that its failure was told.
  const toldFailure = async () => (await scan(ledger, { told: toldFailures })).told.get(accountId)
  const asked = input.executionArn ?? (recorded ? undefined : await toldFailure())
  const isOther = asked !== undefined && asked !== recorded
  const shown = asked ?? recorded
  const execution = given ?? (shown ? await readExecution(clients.sfn, shown) : undefined)
  const state = stateOf(status, execution, isOther)
  const failed: Failure = (isOther ? undefined : failure) ?? execution ?? {}
  return {
    ...account,
    status: state,
    ...(asked && { executionArn: asked }),
    ...(isOther && { timeline: [] }),
    ...(execution && {
      execution: {
        status: execution.status ?? 'UNKNOWN',
        ...(execution.startDate && { startDate: execution.startDate.toISOString() }),
        ...(execution.stopDate && { stopDate: execution.stopDate.toISOString() }),
        redriveCount: execution.redriveCount ?? 0,
      },
    }),
    ...(state === 'FAILED' && {
      failure: {
        ...nextCommand(failed, {
          accountId,
          execution,
          options,
          // This execution failed before it wrote a ledger record, so only its ARN finds it, and not the account id.
          target: isOther ? asked : accountId,
        }),
        cause: withoutField(sentenceOf(failed.cause)),
      },
    }),
  }
}

const readRecord = (clients: Clients, ledger: Ledger, accountId: string): Promise<Recorded> =>
  getAccount({ ...clients, ledger }, { accountId }, clients.now())
const nothingOnRecord = (accountId: string): Recorded => ({
  accountId,
  status: 'NOT_VENDED',
  timeline: [],
  groups: [],
  admins: [],
})

const stateOf = (recorded: string, execution: DescribeExecutionOutput | undefined, isOther: boolean) => {
  // The last step writes the record shortly before the execution ends.
  if (!isOther && ['VENDED', 'REMOVED'].includes(recorded) && mayChange(execution?.status)) return 'VENDING'
  // These states are final, whatever the last execution did.
  if (!isOther && ['VENDED', 'REMOVED', 'DEPARTED', 'CLOSED'].includes(recorded)) return recorded
  if (!execution?.status) return recorded
  if (mayChange(execution.status)) return 'VENDING'
  if (hasFailed(execution.status)) return 'FAILED'
  const { outcome } = JSON.parse(execution.output ?? '{}') as { outcome?: string }
  return outcome === 'Vended' ? 'VENDED' : (outcome ?? recorded)
}

/** The longest pause between two reads, in milliseconds. */
const longestPause = 2000
/** A wait for a busy account and then a wait for a new role take less, in milliseconds. */
const longestWatch = 60 * 60 * 1000

/**
 * Follows a vend until it ends, for an hour at most. Tells each step as it begins, and answers the status at the end.
 * `onLook` hears each status that is read.
 * Throws what `status` does.
 */
export async function watch(
  clients: Clients,
  input: Input,
  /** `isAgain`: the step was tried before. */
  onStep: (step: Status['timeline'][number], isAgain: boolean) => void,
  onLook: (now: Status) => void = () => undefined,
): Promise<Status> {
  const service = await findService(clients, input.stage)
  const end = Date.now() + longestWatch
  const told = new Map<string, string>()
  for (let pause = 250; ; pause = Math.min(pause * 1.5, longestPause)) {
    const now = await statusIn(clients, service, input)
    onLook(now)
    for (const step of now.timeline.filter(isStep)) {
      const key = `${step.state} ${step.userName ?? ''}`
      const before = told.get(key)
      if (before !== step.at) onStep(step, before !== undefined)
      told.set(key, step.at)
    }
    if (now.status !== 'VENDING' || Date.now() > end) return now
    await setTimeout(pause)
  }
}

/** Whether an entry of a timeline is a step of the vend, and not something that the daily round did. */
const isStep = ({ state }: Status['timeline'][number]) => state !== followUpState

/** A step with its time, on a line; or what the daily round did. */
export const showStep = ({ state, userName, at, act }: Status['timeline'][number], isAgain = false) =>
  `  ${styleText('dim', showTime(at))}  ${state}${userName ? ` ${userName}` : ''}${act ? `: ${actWords(act)}` : ''}` +
  (isAgain ? styleText('dim', ' (again)') : '')

/** What a vend does at this moment. */
export const showLatest = ({ accountName, accountId, timeline }: Status) => {
  const step = timeline.filter(isStep).at(-1)
  const doing = step ? `${step.state}${step.userName ? ` ${step.userName}` : ''}` : 'waits for its first step'
  return `${accountName ?? accountId}: ${doing}`
}

/** What failed, why, and the command that continues. */
export const showFailure = ({ error, what, cause, advice, command, ...next }: NonNullable<Status['failure']>) =>
  [
    styleText('red', error),
    wrap(what, '  '),
    ...(cause ? [wrap(`Cause: ${cause}`, '  ')] : []),
    wrap(advice, '  '),
    wrap(showCommand({ ...next, command: styleText('bold', command) }), '  '),
  ].join('\n')

const colours: Record<string, 'green' | 'red' | 'yellow' | 'dim'> = {
  VENDED: 'green',
  FAILED: 'red',
  VENDING: 'yellow',
  NOT_VENDED: 'dim',
  DEPARTED: 'dim',
  CLOSED: 'dim',
  REMOVED: 'dim',
}
/** The status of a vend, in its color. */
export const showState = (state: string) => styleText(colours[state] ?? 'bold', state)

const mailColours: Partial<Record<MailStatus, 'green' | 'red' | 'yellow'>> = {
  delivered: 'green',
  delayed: 'yellow',
  bounced: 'red',
  complained: 'red',
  rejected: 'red',
}
/** What became of a mail, in its color. */
export const showMail = (status: MailStatus) => styleText(mailColours[status] ?? 'bold', status)

const mailWords: Record<Exclude<MailStatus, 'sent' | 'delivered'>, string> = {
  delayed: 'was delayed',
  bounced: 'bounced',
  complained: 'was marked as spam',
  rejected: 'was rejected by SES',
}

/** The steps at which a vend failed: the last step that began, or the last step of each user. */
const failedSteps = (timeline: Status['timeline']) => {
  const last = timeline.at(-1)
  if (!last?.userName) return last ? [last] : []
  return timeline.filter((step, i) => step.userName && !timeline.slice(i + 1).some((l) => l.userName === step.userName))
}

const meaningOf = (accountState: string) =>
  accountState === 'SUSPENDED' ? ': AWS has restricted the account, and often lifts such a restriction' : ''

/** The users to whom the last execution sent no mail, because they had been mailed about the same password before. */
const notMailedAgain = ({ timeline, admins }: Pick<Status, 'timeline' | 'admins'>) =>
  admins.flatMap(({ userName, kept, email, mailedAt }) => {
    const step = timeline.find(
      (step) => step.state === 'SendLoginEmail' && step.userName?.toLowerCase() === userName.toLowerCase(),
    )
    return !kept && mailedAt && step && mailedAt < step.at
      ? [`The sign-in mail for ${userName} was not sent again: mailed to ${email} at ${showTime(mailedAt)}.`]
      : []
  })

/** What a person must know about a mail that did not simply arrive. */
const mailsInTrouble = ({ admins }: Pick<Status, 'admins'>) =>
  admins.flatMap(({ userName, email, mail }) =>
    mail && mail.status !== 'sent' && mail.status !== 'delivered'
      ? [
          `The sign-in mail for ${userName} to ${email} ${mailWords[mail.status]} at ${showTime(mail.at)}` +
            `${mail.reason ? `: ${mail.reason}` : '.'}`,
        ]
      : [],
  )

/** Who was shown a password, and until when the other links open, a sentence for each administrator. */
const handedOver = ({ admins }: Pick<Status, 'admins'>) =>
  admins.flatMap(({ userName, handover }) => {
    if (!handover) return []
    if ('claimedAt' in handover) return [claimedWords(userName, handover)]
    return {
      sealing: [`The link of ${userName} does not work yet.`],
      open: [`The link of ${userName} can be opened until ${showTime(handover.until)}.`],
      expired: [`Nobody opened the link of ${userName} in time.`],
    }[handover.state]
  })

/** What the last removal took out and what it left, as long as no later vend has made it again. */
const removedWords = ({ removal, vendedAt = '' }: Status) => {
  if (!removal || removal.at < vendedAt) return []
  const { at, users, groups, stays } = removal
  const deleted = [
    ...users.flatMap(({ userName, is }) => (is === 'deleted' ? [`user ${userName}`] : [])),
    ...groups.map((name) => `group ${name}`),
  ]
  const left = (of: (typeof users)[number]) => (of.left ? ` ${of.userName} still has ${sayCredentials(of.left)}.` : '')
  return [
    ...(deleted.length ? [`Deleted at ${showTime(at)}: ${deleted.join(', ')}.`] : []),
    ...users.flatMap((user) =>
      user.is === 'without sign-in'
        ? [`The console sign-in of ${user.userName} was removed at ${showTime(at)}.${left(user)}`]
        : [],
    ),
    ...stays.map(({ kind, name, why }) => `Not removed: ${kind} ${name} (${why}).`),
  ]
}

type Shown = { claimedAt: string; network: string; browser: string; disownedAt?: string }
const claimedWords = (userName: string, { claimedAt, network, browser, disownedAt }: Shown) => {
  const shown = `The password of ${userName} was shown at ${showTime(claimedAt)} to ${network}, ${browser}.`
  return disownedAt ? `${shown} Somebody with the link said at ${showTime(disownedAt)}: That was not me.` : shown
}

/** How far each administrator is with signing in, and what the daily round did about that. */
const followedThrough = ({ admins }: Pick<Status, 'admins'>) =>
  admins.flatMap((admin) => {
    const words = followThroughWords(admin)
    return words.length ? [`${admin.userName}: ${words.join(', ')}.`] : []
  })

/** What a person must know besides the status VENDED: nobody may be able to sign in who could not before. */
export const everybodyKeptWords = 'every user was kept, none was created'
export const isEverybodyKept = ({ status, admins }: { status: string; admins: { kept: boolean }[] }) =>
  status === 'VENDED' && admins.length > 0 && admins.every(({ kept }) => kept)

/** How far an administrator is with signing in, as the daily round saw. */
export const showSignIn = (seen: Omit<AdminSeen, 'userName'>) => {
  if (!seen.isThere) return styleText('red', 'user is gone')
  if (!seen.hasLoginProfile) return 'cannot'
  if (!seen.hasSignedIn) return styleText('yellow', 'not yet')
  if (seen.mustChangePassword) return styleText('yellow', 'password not changed')
  return seen.hasMfa ? styleText('green', 'with MFA') : 'without MFA'
}

const administratorColumns: Record<string, (admin: Status['admins'][number]) => string> = {
  Administrator: ({ userName }) => userName,
  Groups: ({ groups }) => groups.join(', '),
  'Mailed to': ({ mailedAt, email }) => (mailedAt ? email : '–'),
  At: ({ mailedAt }) => (mailedAt ? showTime(mailedAt) : ''),
  Mail: ({ mail }) => (mail ? showMail(mail.status) : ''),
  Link: ({ handover }) => (handover ? showLinkState(handover.state) : ''),
  'Signs in': ({ signIn }) => (signIn ? showSignIn(signIn) : ''),
}

/** The administrators. Before the first round, nobody knows who signs in, and the table has no such column. */
const administratorsTable = (admins: Status['admins']) => {
  const isLookedAt = admins.some(({ signIn }) => signIn !== undefined)
  const columns = Object.entries(administratorColumns).filter(([name]) => isLookedAt || name !== 'Signs in')
  return table(
    columns.map(([name]) => name),
    admins.map((admin) =>
      columns.map(([, show], i) => (admin.kept ? (i === 0 ? `${admin.userName} (kept)` : '') : show(admin))),
    ),
  )
}

/** The administrators of an account, and what a person must know about their mails and links. */
export const showAdministrators = (account: Pick<Status, 'timeline' | 'admins'>) => [
  ...(account.admins.length ? ['', administratorsTable(account.admins)] : []),
  ...[...notMailedAgain(account), ...mailsInTrouble(account), ...handedOver(account), ...followedThrough(account)].map(
    (words) => wrap(words, '  '),
  ),
]

/** The steps of a vend, and at which of them the vend failed. */
export const showSteps = ({ timeline, failure }: { timeline: Status['timeline']; failure?: object | undefined }) => {
  const failed = failure ? failedSteps(timeline.filter(isStep)) : []
  return timeline.map((step) => `${showStep(step)}${failed.includes(step) ? styleText('red', ' ✘ failed') : ''}`)
}

/** The status of an account, for a person. */
export const showStatus = (account: Status, { withSteps }: { withSteps: boolean }) => {
  const { accountId, accountName, accountState, execution, executionArn, requestedBy, updatedAt } = account
  const { failure, timeline } = account
  const redriven = execution?.redriveCount ? `, redriven ${execution.redriveCount}×` : ''
  const facts = [
    accountState &&
      accountState !== 'ACTIVE' &&
      `account       ${styleText('yellow', accountState)}${meaningOf(accountState)}`,
    updatedAt && `last change   ${showTime(updatedAt)}`,
    requestedBy && `requested by  ${requestedBy}`,
    showLookedAt(account),
    executionArn &&
      `execution     ${executionArn.split(':').at(-1)} (${execution?.status ?? 'forgotten by Step Functions'}${redriven})`,
  ].filter((fact) => typeof fact === 'string')
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${showState(account.status)}${isEverybodyKept(account) ? ` (${everybodyKeptWords})` : ''}`,
    ...facts.map((fact) => `  ${fact}`),
    ...(withSteps && timeline.length ? ['', ...showSteps(account)] : []),
    ...showAdministrators(account),
    ...showFoundByRound(account),
    ...removedWords(account).map((words) => wrap(words, '  ')),
    ...(failure ? ['', showFailure(failure)] : []),
  ].join('\n')
}
