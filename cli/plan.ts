import { IAMClient } from '@aws-sdk/client-iam'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SFNClient } from '@aws-sdk/client-sfn'
import { STSClient } from '@aws-sdk/client-sts'
import { styleText } from 'node:util'
import { decideRequest } from '../functions/accept-request/accept-request.ts'
import { inspectAccount, inspectPermissions } from '../functions/create-admin-group/create-admin-group.ts'
import { explanations } from '../functions/shared/explanations.ts'
import { unitsAbove } from '../functions/shared/account.ts'
import { assumeAccountRole, ourPath } from '../functions/shared/iam-client.ts'
import { isDenied, isNamed } from '../functions/shared/aws-errors.ts'
import * as refusals from '../functions/shared/errors.ts'
import { addressIdentity } from '../functions/shared/address.ts'
import { type AccountRecord, entryOf, isMailed } from '../functions/shared/record-and-lease.ts'
import { secretName } from '../functions/shared/secret-name.ts'
import { currentVersion, isRenewed, refuseForeignSecret } from '../functions/store-password/store-password.ts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make, type Place } from './clients.ts'
import { isRefusal, missingAction, sayError } from './command-errors.ts'
import { executionArnOf, findService, type Service, serviceClients } from './service.ts'
import { table, wrap } from './show.ts'
import {
  findObstacles,
  firstOf,
  type Obstacle,
  placeOfTarget,
  readPolicies,
} from '../functions/shared/service-control-policies.ts'

export const planClients = (make: Make) => ({
  ...serviceClients(make),
  organizations: make(OrganizationsClient, keepingToTheRate),
  secrets: make(SecretsManagerClient),
  sfn: make(SFNClient),
  sts: make(STSClient),
  /** The client of a session in another account. */
  iamOf: (credentials: Place['credentials']) => make(IAMClient, { credentials }),
})
type Clients = ReturnType<typeof planClients>

type Line = { name: string; what: string; why: string }
export type Plan = {
  accountId: string
  accountName?: string
  /** Accepted, an end state of AcceptRequest, or the name of the error with which the vend would fail. */
  outcome: string
  /** Whether a vend of this request would succeed now. */
  wouldSucceed: boolean
  reason: string
  groups: Line[]
  /** Empty if the account's password policy stays as it is. */
  passwordPolicy: Line[]
  users: (Line & { groups: string[]; policies: string[] })[]
  passwords: Line[]
  mails: Line[]
  /** What could not be checked, or may turn out differently. */
  notes: string[]
}

const reasons: Record<string, string> = {
  Accepted: 'A vend would be accepted.',
  AlreadyVended:
    'Everything that is requested is on record: the vend would create nothing and send no mail. (--again inspects the account.)',
  AlreadyInProgress: 'Another execution is already processing the same request.',
  NotNew:
    'The account joined before this service was installed, or its administrators were removed, so an event does not vend the account. Start a vend manually.',
}

type Asked = { accountId: string; request: unknown; units?: () => Promise<string[]> }
type Within = { service: Service; vending: Vending; obstacles: () => Promise<Obstacle[]> }

/**
 * Finds the service, and answers it with the function that plans one vend. The function tells what a vend of a request
 * would make, keep, refuse and mail, and why, without writing anything. It reads the service control policies once for
 * all vends. `units` of a request answers the units above the account, if they are known.
 *
 * The plan decides and inspects with the workflow's own code, in a session that may only read.
 * Throws `NotDeployedError`. The function throws AWS's errors where the plan cannot read.
 */
export async function planner(clients: Clients, { stage, vending }: { stage: string; vending: Vending }) {
  const service = await findService(clients, stage)
  let read: Promise<Obstacle[]> | undefined
  const readObstacles = async () => findObstacles(await readPolicies(clients.organizations), vending)
  const obstacles = () =>
    (read ??= readObstacles().catch((error: unknown) => {
      // The next plan reads the policies again, unless it may not.
      if (!(error instanceof Error) || !isDenied(error)) read = undefined
      throw error
    }))
  return { service, planOf: (asked: Asked) => planWithin(clients, { service, vending, obstacles }, asked) }
}

/** Plans the vend of one request, as `planner` does. */
export const plan = async (clients: Clients, { stage, vending, ...asked }: Asked & Parameters<typeof planner>[1]) =>
  (await planner(clients, { stage, vending })).planOf(asked)

const planWithin = async (
  clients: Clients,
  { service, vending, obstacles }: Within,
  { accountId, request, units = () => unitsAbove(clients.organizations, accountId) }: Asked,
): Promise<Plan> => {
  const { stateMachineArn, ledger } = service
  const made: Plan = {
    accountId,
    outcome: 'Accepted',
    wouldSucceed: true,
    reason: '',
    groups: [],
    passwordPolicy: [],
    users: [],
    passwords: [],
    mails: [],
    notes: [],
  }
  try {
    const executionArn = executionArnOf(stateMachineArn, 'plan')
    const decided = await decideRequest({ ...clients, ledger }, { request, executionArn }, vending, clients.now())
    if (decided.outcome !== 'Accepted')
      return { ...made, outcome: decided.outcome, reason: reasons[decided.outcome] ?? '' }

    const { vend, account, record, ask, renew, silent } = decided
    const credentials = await assumeAccountRole(clients.sts, {
      account,
      vend,
      roleName: vending.accessRole,
      permissions: inspectPermissions,
    })
    const [inspected, denied] = await Promise.all([
      inspectAccount(clients.iamOf(credentials), {
        vend,
        account,
        ...ask,
        record,
        passwordPolicy: vending.passwordPolicy,
      }),
      whatIsDenied({ accountId: account.id, obstacles, units }),
    ])
    const { users, ...handedOver } = await peopleOf(clients.secrets, {
      account,
      vend,
      record,
      inspected,
      renew,
      silent,
      keyArn: service.passwordKeyArn,
    })
    const found = {
      ...made,
      accountName: account.name,
      groups: groupLines(inspected),
      passwordPolicy: passwordPolicyLines(inspected),
      users,
      ...handedOver,
      notes: [...denied.notes, ...inspected.doubts.map((doubt) => `${doubt}.`)],
    }
    return denied.reason
      ? { ...found, outcome: 'DeniedByPolicyError', wouldSucceed: false, reason: denied.reason }
      : { ...found, reason: reasons['Accepted'] ?? '' }
  } catch (error) {
    // An error of the workflow is the answer of the plan. Any other error is a failure of the plan itself.
    if (!(error instanceof Error) || !Object.hasOwn(refusals, error.name)) throw error
    const notes = isNamed(error, 'AccessRoleMissingError', 'AccountJustJoinedError', 'AccountNotReadyError')
      ? ['The plan used your own credentials. The workflow may have sts:AssumeRole even if your credentials do not.']
      : []
    const what = explanations[error.name]?.what.replace(/ Nothing was (made|changed)\.$/, '')
    return {
      ...made,
      outcome: error.name,
      wouldSucceed: false,
      reason: isRefusal(error) ? sayError(error) : [what, error.message].filter(Boolean).join(' '),
      notes,
    }
  }
}

type Inspected = Awaited<ReturnType<typeof inspectAccount>>

const groupLines = ({ groups }: Inspected) =>
  groups.map(({ asked, there }): Line => {
    const name = there?.GroupName ?? asked.name
    const policies = [...asked.policies.map(shortName), ...Object.keys(asked.inline)].join(', ') || 'no policies'
    if (!there) return { name, what: 'created', why: policies }
    if (there.isOurs) return { name, what: 'stays', why: `${policies}; missing policies are added` }
    return {
      name,
      what: 'stays unchanged',
      why: `this group existed before and has exactly the requested policies: ${policies}`,
    }
  })

const passwordPolicyLines = ({ passwordPolicy }: Inspected): Line[] => {
  if (!passwordPolicy) return []
  const settings = Object.entries(passwordPolicy).filter(([, value]) => value)
  return [
    {
      name: 'password policy',
      what: 'set',
      why: settings.map(([key, value]) => (value === true ? key : `${key} ${value}`)).join(', '),
    },
  ]
}

const shortName = (arn: string) => arn.replace(/^.*:policy\//, '')

/** Service control policies forbid writes, and a plan does not write. So the plan reads and evaluates the policies. */
const whatIsDenied = async ({
  accountId,
  ...read
}: Pick<Within, 'obstacles'> & { accountId: string; units: () => Promise<string[]> }) => {
  try {
    const [obstacles, units] = await Promise.all([read.obstacles(), read.units()])
    const above = [accountId, ...units]
    const here = obstacles.flatMap(({ finding, certain, targets }) => {
      const places = targets.filter(({ TargetId = '' }) => above.includes(TargetId)).map(placeOfTarget)
      return places.length ? [{ certain, words: `${finding} in ${firstOf(places)}` }] : []
    })
    const say = (certain: boolean) => here.filter((one) => one.certain === certain).map(({ words }) => words)
    const sure = say(true)
    return {
      reason: sure.length ? `Service control policies forbid what the vend does: ${sure.join('; ')}.` : '',
      notes: say(false).map((words) => `Service control policies may forbid what the vend does: ${words}.`),
    }
  } catch (error) {
    if (!(error instanceof Error) || !isDenied(error)) throw error
    return {
      reason: '',
      notes: [`Service control policies were not checked: you do not have the permission ${missingAction(error)}.`],
    }
  }
}

type Subject = {
  account: { id: string; email: string }
  vend: { id: string }
  record: AccountRecord | undefined
  inspected: Inspected
  /** Users who get a new password, which ends all earlier links. */
  renew: string[]
  /** Nothing is mailed to the administrator. */
  silent: boolean
  keyArn: string
}

const peopleOf = async (secrets: SecretsManagerClient, subject: Subject) => {
  const people = await Promise.all(subject.inspected.admins.map((admin) => personOf(secrets, subject, admin)))
  return {
    users: people.map(({ user }) => user),
    passwords: people.map(({ password }) => password),
    mails: people.map(({ mail }) => mail),
  }
}

const personOf = async (
  secrets: SecretsManagerClient,
  { account, vend, record, inspected, renew, silent, keyArn }: Subject,
  {
    userName,
    email,
    groups,
    policies,
    inline = {},
    hasProfile,
    kept,
    signsIn,
    passwordResetRequired,
  }: Subject['inspected']['admins'][number],
) => {
  const there = inspected.users.get(userName.toLowerCase())
  const rights = { groups, policies: [...policies.map(shortName), ...Object.keys(inline)] }
  const line = (what: string, why: string): Line => ({ name: userName, what, why })
  const known = entryOf(record?.admins, userName.toLowerCase())
  const isMoved = known && !known.kept && addressIdentity(known.email) !== addressIdentity(email)
  const moved = isMoved ? `; ${email} becomes the address on record, instead of ${known.email}` : ''
  if (kept) {
    const why = there?.Path === ourPath ? 'the ledger does not list this user' : 'somebody else created this user'
    return {
      user: { ...line('stays unchanged', why), groups: [], policies: [] },
      password: line('stays', 'the user is kept'),
      mail: line('no mail', 'the user is kept'),
    }
  }
  if (signsIn)
    return {
      user: { ...line('stays', `has already signed in: groups, policies and tags are added${moved}`), ...rights },
      password: line('stays', 'the user has chosen this password'),
      mail: line('no mail', 'there is no password to hand over'),
    }
  const secret = await secretOf(secrets, secretName(account.id, userName), keyArn)
  const isUsed =
    secret.state === 'there' &&
    !renew.includes(userName) &&
    !isRenewed(record, { userName, hasProfile, version: secret.version, vendId: vend.id })
  const isTold = isUsed && isMailed(record, { userName, email, secretVersion: secret.version ?? '' })
  return {
    user: {
      ...(there
        ? line(
            'stays',
            hasProfile
              ? `created by this service, has never signed in: ${isUsed ? 'the stored password is set again' : 'a new password is set'}`
              : 'created by this service: console sign-in is added',
          )
        : line(
            'created',
            passwordResetRequired ? 'must change the password at first sign-in' : 'can keep the first password',
          )),
      ...rights,
    },
    password: isUsed
      ? line('stays', secret.name)
      : secret.state === 'deleted'
        ? line('new, in the restored secret', `${secret.name} is scheduled for deletion`)
        : line(secret.state === 'there' ? 'new, in the existing secret' : 'new, in a new secret', secret.name),
    mail: silent
      ? line('no mail', `somebody else may read the mails to ${email}`)
      : isTold
        ? line('no mail', `${email} was mailed about this password before`)
        : line('is sent', `${email}${moved}`),
  }
}

const secretOf = async (secrets: SecretsManagerClient, name: string, keyArn: string) => {
  try {
    const { DeletedDate, KmsKeyId, VersionIdsToStages } = await secrets.send(
      new DescribeSecretCommand({ SecretId: name }),
    )
    refuseForeignSecret({ name, KmsKeyId }, keyArn)
    return { name, state: DeletedDate ? 'deleted' : 'there', version: currentVersion(VersionIdsToStages) } as const
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return { name, state: 'none', version: undefined } as const
    throw error
  }
}

/** A plan for a person. */
export const showPlan = ({ accountId, accountName, outcome, wouldSucceed, reason, notes, ...made }: Plan) => {
  const rows = [
    ...made.groups.map(({ name, what, why }) => [`group ${name}`, what, why]),
    ...made.passwordPolicy.map(({ name, what, why }) => [name, what, why]),
    ...made.users.map(({ name, what, why, groups, policies }) => [
      `user ${name}`,
      what,
      [
        why,
        groups.length && `is a member of ${groups.join(', ')}`,
        policies.length && `has the policies ${policies.join(', ')}`,
      ]
        .filter(Boolean)
        .join('; '),
    ]),
    ...made.passwords.map(({ name, what, why }) => [`password of ${name}`, what, why]),
    ...made.mails.map(({ name, what, why }) => [`mail to ${name}`, what, why]),
  ]
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${styleText(wouldSucceed ? 'green' : 'red', outcome)}`,
    wrap(reason, '  '),
    ...(rows.length ? ['', table(['', 'what happens', ''], rows)] : []),
    ...notes.map((words) => `\n${styleText('yellow', wrap(words))}`),
    '',
    wouldSucceed ? 'Nothing was changed.' : 'A vend of this request would fail. Nothing was changed.',
  ].join('\n')
}
