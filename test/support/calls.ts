import type { Call } from '../../local/aws/world.ts'

type Reason = { calls: string[]; because: string }
/** An AWS call of a vend, and the earlier calls whose answers it needs. */
export type PlannedCall = { id: string; step: string; call: string; does: string; after: Reason[] }

const after = (because: string, ...calls: string[]): Reason => ({ calls, because })

const inspected = ['list users', 'list groups', 'read password policy', 'read policy']

/**
 * Every AWS call of a vend by hand that creates one administrator in an existing account, without a retry. Each
 * dependency has its reason. Calls that do not depend on each other are sent together. Tests compare the measured times
 * with this plan, and docs/pictures/calls.svg is drawn from it.
 */
export const plannedCalls: PlannedCall[] = [
  {
    id: 'describe account',
    step: 'accept-request',
    call: 'organizations:DescribeAccount',
    does: 'finds the account, checks that it may be vended',
    after: [],
  },
  { id: 'read record', step: 'accept-request', call: 'dynamodb:GetItem', does: 'reads what is on record', after: [] },
  {
    id: 'take lease',
    step: 'accept-request',
    call: 'dynamodb:UpdateItem',
    does: 'takes the lease',
    after: [after('the account must be vendable and something must be missing', 'describe account', 'read record')],
  },
  {
    id: 'enter for groups',
    step: 'create-admin-group',
    call: 'sts:AssumeRole',
    does: 'signs in to the account',
    after: [after('only one execution at a time works in an account', 'take lease')],
  },
  {
    id: 'begin groups',
    step: 'create-admin-group',
    call: 'dynamodb:UpdateItem',
    does: 'renews the lease, records the step',
    after: [after('the lease must be taken before it is renewed', 'take lease')],
  },
  ...[
    ['list users', 'iam:ListUsers', 'reads which users exist'],
    ['list groups', 'iam:ListGroups', 'reads which groups exist'],
    ['read password policy', 'iam:GetAccountPasswordPolicy', 'reads how long a password must be'],
    ['read policy', 'iam:GetPolicy', 'checks that the policy exists'],
  ].map(([id = '', call = '', does = '']) => ({
    id,
    step: 'create-admin-group',
    call,
    does,
    after: [
      after('calls in the account need a session there', 'enter for groups'),
      after('nothing continues without the lease', 'begin groups'),
    ],
  })),
  {
    id: 'create group',
    step: 'create-admin-group',
    call: 'iam:CreateGroup',
    does: 'creates the group',
    after: [after('nothing is written before everything was inspected', ...inspected)],
  },
  {
    id: 'attach policy',
    step: 'create-admin-group',
    call: 'iam:AttachGroupPolicy',
    does: 'gives the group its permissions',
    after: [after('the group must exist', 'create group')],
  },
  {
    id: 'random password',
    step: 'store-password',
    call: 'secretsmanager:GetRandomPassword',
    does: 'makes a password as long as the account requires',
    after: [after('no password is made while the group can still fail', 'attach policy')],
  },
  {
    id: 'begin password',
    step: 'store-password',
    call: 'dynamodb:UpdateItem',
    does: 'renews the lease, records that the password is ours',
    after: [after('no password is recorded while the group can still fail', 'attach policy')],
  },
  {
    id: 'create secret',
    step: 'store-password',
    call: 'secretsmanager:CreateSecret',
    does: 'stores the password',
    after: [
      after('the password must be made first', 'random password'),
      after('after a crash, the ledger must know that the password is ours', 'begin password'),
    ],
  },
  {
    id: 'enter for user',
    step: 'create-admin-user',
    call: 'sts:AssumeRole',
    does: 'signs in to the account, with other permissions',
    after: [after('no user is created before the password is stored', 'create secret')],
  },
  {
    id: 'read secret',
    step: 'create-admin-user',
    call: 'secretsmanager:GetSecretValue',
    does: 'reads the password, which is not in the state',
    after: [after('the password must be stored', 'create secret')],
  },
  {
    id: 'begin user',
    step: 'create-admin-user',
    call: 'dynamodb:UpdateItem',
    does: 'renews the lease, records the step',
    after: [after('no user is created before the password is stored', 'create secret')],
  },
  {
    id: 'create user',
    step: 'create-admin-user',
    call: 'iam:CreateUser',
    does: 'creates the user, with tags',
    after: [
      after('calls in the account need a session there', 'enter for user'),
      after('nothing is written without the lease', 'begin user'),
      after('a user is created only if the password can be read', 'read secret'),
    ],
  },
  {
    id: 'add to group',
    step: 'create-admin-user',
    call: 'iam:AddUserToGroup',
    does: 'makes the user an administrator',
    after: [after('the user must exist', 'create user')],
  },
  {
    id: 'create login profile',
    step: 'create-admin-user',
    call: 'iam:CreateLoginProfile',
    does: 'lets the user sign in',
    after: [after('a new login profile cannot be changed for seconds, should an earlier call fail', 'add to group')],
  },
  {
    id: 'begin mail',
    step: 'send-login-email',
    call: 'dynamodb:UpdateItem',
    does: 'renews the lease, reads which mails were sent',
    after: [after('the mail says that the user can sign in', 'create login profile')],
  },
  {
    id: 'record link',
    step: 'send-login-email',
    call: 'dynamodb:PutItem',
    does: 'records whose link this is',
    after: [after('a mail that is on record needs no link', 'begin mail')],
  },
  {
    id: 'open handover',
    step: 'send-login-email',
    call: 'dynamodb:UpdateItem',
    does: 'records the link’s public key',
    after: [after('a mail that is on record needs no link', 'begin mail')],
  },
  {
    id: 'record sending',
    step: 'send-login-email',
    call: 'dynamodb:PutItem',
    does: 'records the mail, for SES’s events',
    after: [after('a mail cannot be recalled, so its link must be on record', 'record link', 'open handover')],
  },
  {
    id: 'send mail',
    step: 'send-login-email',
    call: 'ses:SendEmail',
    does: 'sends the sign-in mail with the link',
    after: [after('an event about the mail can be faster than SES’s answer', 'record sending')],
  },
  {
    id: 'record mail',
    step: 'send-login-email',
    call: 'dynamodb:UpdateItem',
    does: 'records the mail with its message id',
    after: [after('SES answers with the message id', 'send mail')],
  },
  {
    id: 'begin seal',
    step: 'seal-password',
    call: 'dynamodb:UpdateItem',
    does: 'renews the lease, records the step',
    after: [after('the step begins when the mail is on record', 'record mail')],
  },
  {
    id: 'read links',
    step: 'seal-password',
    call: 'dynamodb:GetItem',
    does: 'reads the links that can be opened',
    after: [after('the step begins when the mail is on record', 'record mail')],
  },
  {
    id: 'read password',
    step: 'seal-password',
    call: 'secretsmanager:GetSecretValue',
    does: 'reads the password',
    after: [after('the password is read only if a link needs it', 'begin seal', 'read links')],
  },
  {
    id: 'record box',
    step: 'seal-password',
    call: 'dynamodb:UpdateItem',
    does: 'records the sealed password',
    after: [after('the password is sealed for the link', 'read password')],
  },
  {
    id: 'record vend',
    step: 'record-vended',
    call: 'dynamodb:UpdateItem',
    does: 'records what was made, gives the lease back',
    after: [after('VENDED means that the link in the mail can be opened', 'record box')],
  },
  {
    id: 'tell event bus',
    step: 'record-vended',
    call: 'events:PutEvents',
    does: 'sends the event “Account Vended”',
    after: [after('receivers of the event must find the vend on record', 'record vend')],
  },
]

export const dependenciesOf = ({ after }: PlannedCall) => after.flatMap(({ calls }) => calls)

/** The ids along the longest chain of dependencies. Of several longest chains, the first one counts. */
export const longestChain = (planned: PlannedCall[]) => {
  const chains = new Map<string, string[]>()
  for (const call of planned) {
    const before = dependenciesOf(call).map((id) => {
      const chain = chains.get(id)
      if (!chain) throw new Error(`${call.id} depends on ${id}, which does not come before it`)
      return chain
    })
    const longest = before.reduce((best, chain) => (chain.length > best.length ? chain : best), [])
    chains.set(call.id, [...longest, call.id])
  }
  return [...chains.values()].reduce((best, chain) => (chain.length > best.length ? chain : best), [])
}

/** Finds the recorded call for each planned call. Throws if a call is missing, or if there are other calls. */
export const matchCalls = (planned: PlannedCall[], recorded: Call[]) => {
  const left = [...recorded]
  const found = new Map(
    planned.map(({ id, step, call }) => {
      const i = left.findIndex(
        ({ function: by, service, operation }) => by === step && `${service}:${operation}` === call,
      )
      const [match] = i < 0 ? [] : left.splice(i, 1)
      if (!match) throw new Error(`${step} did not call ${call} (${id})`)
      return [id, match]
    }),
  )
  const [other] = left
  if (other) throw new Error(`${other.function} called ${other.service}:${other.operation}, which is not planned`)
  return found
}

/**
 * Finds where the recorded times contradict the plan: each call must begin as soon as the calls that it depends on have
 * been answered, and never earlier.
 */
export const disagreements = (planned: PlannedCall[], recorded: Map<string, Call>, start: number) =>
  planned.flatMap((call) => {
    const ready = Math.max(start, ...dependenciesOf(call).map((id) => recorded.get(id)?.end ?? NaN))
    const at = recorded.get(call.id)?.at
    return at === ready ? [] : [`${call.id} began at ${at}; what it depends on was answered at ${ready}`]
  })
