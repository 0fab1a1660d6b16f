import { DescribeSecretCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { styleText } from 'node:util'
import { decideRequest } from '../functions/accept-request/accept-request.ts'
import { inspectAccount, inspectPermissions } from '../functions/create-admin-group/create-admin-group.ts'
import { explanations } from '../functions/shared/explanations.ts'
import { unitsAbove } from '../functions/shared/account.ts'
import { assumeAccountRole, ourPath } from '../functions/shared/account-role.ts'
import { isDenied, isNamed } from '../functions/shared/aws-errors.ts'
import * as refusals from '../functions/shared/errors.ts'
import { type AccountRecord, entryOf, isMailed } from '../functions/shared/ledger.ts'
import { secretName } from '../functions/shared/secret-name.ts'
import { currentVersion, isRenewed, refuseForeignSecret } from '../functions/store-password/store-password.ts'
import type { Vending } from '../functions/shared/vending.ts'
import type { Clients } from './clients.ts'
import { isRefusal, missingAction, sayError } from './command-errors.ts'
import { executionArnOf, findService } from './service.ts'
import { table, wrap } from './show.ts'
import { findDenials, readPolicies, some } from './service-control-policies.ts'

type Line = { name: string; what: string; why: string }
export type Plan = {
  accountId: string
  accountName?: string
  /** Accepted, an end state of AcceptRequest, or the name of the error that the vend would fail under. */
  outcome: string
  /** Whether a vend of this request would succeed, as things stand. */
  wouldSucceed: boolean
  reason: string
  groups: Line[]
  users: (Line & { groups: string[]; policies: string[] })[]
  passwords: Line[]
  mails: Line[]
  /** What could not be looked at, or may turn out differently. */
  notes: string[]
}

const reasons: Record<string, string> = {
  Accepted: 'A vend would be accepted.',
  AlreadyVended:
    'Everything that is asked for is on record: nothing is made, nobody is mailed. (--again looks once more.)',
  AlreadyInProgress: 'Another execution is doing the same.',
  NotNew: 'The account joined before this service was installed: no event vends it. Ask for it by hand.',
}

/**
 * Tells what a vend of this request would make, keep, refuse and mail, and why, without writing anything.
 *
 * It decides and inspects by the workflow's own code, in a session that may only read.
 * Throws `NotDeployedError`, and AWS's errors where it cannot look.
 */
export async function plan(
  clients: Clients,
  { accountId, request, stage, vending }: { accountId: string; request: unknown; stage: string; vending: Vending },
): Promise<Plan> {
  const service = await findService(clients, stage)
  const { stateMachineArn, ledger } = service
  const made: Plan = {
    accountId,
    outcome: 'Accepted',
    wouldSucceed: true,
    reason: '',
    groups: [],
    users: [],
    passwords: [],
    mails: [],
    notes: [],
  }
  try {
    const executionArn = executionArnOf(stateMachineArn, 'plan')
    const decided = await decideRequest({ ...clients, ledger }, { request, executionArn }, vending, awsTime(clients))
    if (decided.outcome !== 'Accepted')
      return { ...made, outcome: decided.outcome, reason: reasons[decided.outcome] ?? '' }

    const { vend, account, record, ask } = decided
    const credentials = await assumeAccountRole(clients.sts, {
      account,
      vend,
      roleName: vending.accessRole,
      permissions: inspectPermissions,
    })
    const [inspected, denied] = await Promise.all([
      inspectAccount(clients.iamOf(credentials), { vend, account, ...ask, record }),
      whatIsDenied(clients, account.id, vending.accessRole),
    ])
    const { users, ...handedOver } = await peopleOf(clients.secrets, {
      account,
      vend,
      record,
      inspected,
      keyArn: service.passwordKeyArn,
    })
    const groups = inspected.groups.map(({ asked, there }): Line => {
      const name = there?.GroupName ?? asked.name
      const policies = [...asked.policies.map(shortName), ...Object.keys(asked.inline)].join(', ') || 'no policies'
      if (!there) return { name, what: 'made', why: policies }
      if (there.isOurs) return { name, what: 'there already', why: `${policies}; what is missing of them is added` }
      return { name, what: 'used as it is', why: `not ours, and has exactly ${policies}` }
    })
    const found = { ...made, accountName: account.name, groups, users, ...handedOver, notes: denied.notes }
    return denied.reason
      ? { ...found, outcome: 'DeniedByPolicyError', wouldSucceed: false, reason: denied.reason }
      : { ...found, reason: reasons['Accepted'] ?? '' }
  } catch (error) {
    // What the workflow refuses is what was asked to be told; anything else is not of the plan.
    if (!(error instanceof Error) || !Object.hasOwn(refusals, error.name)) throw error
    const notes = isNamed(error, 'AccessRoleMissingError', 'AccountNotReadyError')
      ? ['This was tried with your own credentials. If they lack sts:AssumeRole, the workflow’s may not.']
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

/** AWS's clock, as far as the SDK has seen it differ: a person's may be wrong, and the local organization's runs fast. */
const awsTime = ({ cloudFormation }: Clients) => Date.now() + cloudFormation.config.systemClockOffset

const shortName = (arn: string) => arn.replace(/^.*:policy\//, '')

/** Service control policies bite only when the vend writes, which a plan does not: they are read instead. */
const whatIsDenied = async ({ organizations }: Clients, accountId: string, roleName: string) => {
  try {
    const [policies, units] = await Promise.all([readPolicies(organizations), unitsAbove(organizations, accountId)])
    const above = [accountId, ...units]
    const here = findDenials(policies, roleName).filter(({ targets }) =>
      targets.some(({ TargetId = '' }) => above.includes(TargetId)),
    )
    const say = (certain: boolean) =>
      here
        .filter((denial) => denial.certain === certain)
        .map(({ policy, actions }) => `${policy} ${certain ? 'denies' : 'may deny'} ${some(actions)}`)
    const sure = say(true)
    return {
      reason: sure.length ? `A service control policy forbids what the vend does: ${sure.join('; ')}.` : '',
      notes: say(false).map((words) => `The service control policy ${words}: a condition decides.`),
    }
  } catch (error) {
    if (!(error instanceof Error) || !isDenied(error)) throw error
    return { reason: '', notes: [`Service control policies were not looked at: you lack ${missingAction(error)}.`] }
  }
}

type Subject = {
  account: { id: string; email: string }
  vend: { id: string }
  record: AccountRecord | undefined
  inspected: Awaited<ReturnType<typeof inspectAccount>>
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
  { account, vend, record, inspected, keyArn }: Subject,
  {
    userName,
    email,
    groups,
    policies,
    hasProfile,
    kept,
    signsIn,
    passwordResetRequired,
  }: Subject['inspected']['admins'][number],
) => {
  const there = inspected.users.get(userName.toLowerCase())
  const rights = { groups, policies: policies.map(shortName) }
  const line = (what: string, why: string): Line => ({ name: userName, what, why })
  const known = entryOf(record?.admins, userName.toLowerCase())
  const isMoved = known && !known.kept && known.email.toLowerCase() !== email.toLowerCase()
  const moved = isMoved ? `; ${email} becomes the address on record, instead of ${known.email}` : ''
  if (kept) {
    const why = there?.Path === ourPath ? 'nothing on record tells of that user' : 'made by somebody else'
    return {
      user: { ...line('kept', `${why}: it stays as it is`), groups: [], policies: [] },
      password: line('none', 'the user is kept'),
      mail: line('none', 'the user is kept'),
    }
  }
  if (signsIn)
    return {
      user: { ...line('signs in already', `groups, policies and tags are added${moved}`), ...rights },
      password: line('none', 'the user has a password of his or her own'),
      mail: line('none', 'there is nothing to hand over'),
    }
  const secret = await secretOf(secrets, secretName(account.id, userName), keyArn)
  const isUsed =
    secret.state === 'there' && !isRenewed(record, { userName, hasProfile, version: secret.version, vendId: vend.id })
  const isTold = isUsed && isMailed(record, { userName, email, secretVersion: secret.version ?? '' })
  return {
    user: {
      ...(there
        ? line(
            'there already',
            hasProfile
              ? 'ours, has never signed in: the stored password is set again'
              : 'ours: console sign-in is added',
          )
        : line(
            'made',
            passwordResetRequired ? 'must change the password at first sign-in' : 'may keep the first password',
          )),
      ...rights,
    },
    password: isUsed
      ? line('existing secret', secret.name)
      : secret.state === 'deleted'
        ? line('restored secret, new password', `${secret.name} is scheduled for deletion`)
        : line(secret.state === 'there' ? 'existing secret, new password' : 'new secret', secret.name),
    mail: isTold ? line('none', `${email} was mailed about this password`) : line('sent', `${email}${moved}`),
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
    ...made.users.map(({ name, what, why, groups, policies }) => [
      `user ${name}`,
      what,
      [why, groups.length && `in ${groups.join(', ')}`, policies.length && `with ${policies.join(', ')}`]
        .filter(Boolean)
        .join('; '),
    ]),
    ...made.passwords.map(({ name, what, why }) => [`password of ${name}`, what, why]),
    ...made.mails.map(({ name, what, why }) => [`mail to ${name}`, what, why]),
  ]
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${styleText(wouldSucceed ? 'green' : 'red', outcome)}`,
    wrap(reason, '  '),
    ...(rows.length ? ['', table(['', 'would be', ''], rows)] : []),
    ...notes.map((words) => `\n${styleText('yellow', wrap(words))}`),
    '',
    wouldSucceed ? 'Nothing was changed.' : 'A vend of this would fail. Nothing was changed.',
  ].join('\n')
}
