import type { Execution } from '../../local/aws/step-functions-execution.ts'

// Branches that worlds seldom take. Each is detected from what happened, and not by code in the functions. A long run
// fails if one of them was never taken: then the worlds have lost a circumstance.

type Ended = { trace: string; executions: Execution[]; duplicateMails: number }
type Asked = { remove?: object; renew?: string; requestedBy?: string }
type Output = { outcome?: string; stays?: { why: string }[] } | undefined

const met =
  (error: string) =>
  ({ executions }: Ended) =>
    executions.some(({ history }) => history.some((event) => event.error === error))
const traced =
  (pattern: RegExp) =>
  ({ trace }: Ended) =>
    pattern.test(trace)
const ended = (is: (asked: Asked, output: Output) => boolean) => (world: Ended) =>
  world.executions.some(
    ({ status, input, output }) => status === 'SUCCEEDED' && is(JSON.parse(input) as Asked, output as Output),
  )
const isByRound = ({ requestedBy }: Asked) => requestedBy === 'daily round'
/** The state in which the last redrive of an execution began. */
const redrivenIn =
  (state: string) =>
  ({ executions }: Ended) =>
    executions.some(({ redriveDate = Infinity, history }) => {
      // A Map is entered again before the states in it.
      const first = history.find((event) => event.at >= redriveDate && redrivenStates.includes(event.state))
      return first?.state === state
    })

const redrivenStates = [
  'AcceptRequest',
  'OpenAccount',
  'AwaitAccount',
  'PlaceAccount',
  'CreateAdminGroup',
  'StorePassword',
  'CreateAdminUser',
  'SendLoginEmail',
  'RecordVended',
  'RemoveAdministrators',
  'Sweep',
  'LookAtAccounts',
]

/** The branches by name. */
const branches: Record<string, (world: Ended) => boolean> = {
  'an execution lost its lease to another': met('LeaseLostError'),
  'a redrive waited until the failed try had rested': met('FailedJustNowError'),
  'a request waited for another execution': met('AccountBusyError'),
  'an account that just joined was waited for': met('AccountJustJoinedError'),
  'the access role was missing': met('AccessRoleMissingError'),
  'a secret was not found right after its write': met('SecretNotFoundError'),
  'an execution without an approval was refused': met('ApprovalRequiredError'),
  'the address of a new account was taken': met('EmailAlreadyExistsError'),
  'a second request for an address was refused': met('RequestOpenError'),
  'a removal of the last way in was refused': met('LastWayInError'),
  'an execution relied on another that made the same': ended((_, output) => output?.outcome === 'AlreadyInProgress'),
  'an event of an old account started nothing': ended((_, output) => output?.outcome === 'NotNew'),
  'there was nothing to remove': ended((_, output) => output?.outcome === 'NothingToRemove'),
  'a round renewed a link': ended((asked) => isByRound(asked) && asked.renew !== undefined),
  'a round removed a sign-in': ended((asked) => isByRound(asked) && asked.remove !== undefined),
  'a removal of the round left whoever came': ended(
    (asked, output) => isByRound(asked) && output?.stays?.some(({ why }) => why === 'has signed in') === true,
  ),
  'a claim was disowned': traced(/! claim-disowned/),
  'a link was locked after wrong digits': traced(/the page answers .*: 429/),
  'a secret that was scheduled for deletion was restored': traced(/store-password secretsmanager:RestoreSecret$/m),
  'CreateUser found the user that an earlier try had made': traced(/iam:CreateUser EntityAlreadyExists/),
  'a sign-in mail came twice because its answer was lost': ({ duplicateMails }) => duplicateMails > 0,
  'the account of a lost answer of CreateAccount was found': (world) =>
    traced(/! creation-answer-lost/)(world) && traced(/open-account organizations:ListCreateAccountStatus$/m)(world),
  'an opening waited for the quota of accounts': (world) =>
    traced(/! quota-reached/)(world) &&
    world.executions.some(({ history }) => history.some(({ state }) => state === 'WaitForTurn')),
  'the sweep started an account whose event was lost': ({ executions }) =>
    executions.some(({ name, status }) => name.startsWith('sweep-') && status === 'SUCCEEDED'),
  'the sweep ended the secrets of an account that left': traced(/sweep secretsmanager:DeleteSecret$/m),
  'a dead letter was replayed': traced(/! dead-letter/),
  'EventBridge refused an event of a report': traced(/! event-refused/),
  ...Object.fromEntries(redrivenStates.map((state) => [`a redrive began in ${state}`, redrivenIn(state)])),
}
export const branchNames = Object.keys(branches)

/** The branches that a world has taken. */
export const branchesTaken = (world: Ended) =>
  Object.entries(branches).flatMap(([name, isTaken]) => (isTaken(world) ? [name] : []))

/** A run of so many seeds must take every branch. */
export const seedsForAllBranches = 2000
