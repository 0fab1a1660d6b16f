import {
  CreateAccountCommand,
  DescribeCreateAccountStatusCommand,
  OrganizationsClient,
} from '@aws-sdk/client-organizations'
import {
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetLoginProfileCommand,
  IAMClient,
  ListAttachedGroupPoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupPoliciesCommand,
  ListGroupsCommand,
  ListUsersCommand,
  GetUserCommand,
} from '@aws-sdk/client-iam'
import { ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { accountOfEvent } from '../functions/shared/event.ts'
import type { ApiRequest } from './aws/api-gateway.ts'
import type { LocalOrganization } from './start-organization.ts'
import type { Execution } from './aws/step-functions.ts'
import { addAccount } from './aws/world.ts'

/** What came in through one door. */
export type Input =
  { door: 'event'; event: unknown } | { door: 'manual'; input: string } | { door: 'api'; request: ApiRequest }

/** One vend, as `npm start -- --json` prints it: what it was, what it made, and which calls it took. */
export type Vend = Awaited<ReturnType<typeof vend>>

const readApiRequest = (content: object): ApiRequest => {
  const { method, path, headers = {}, body = '', ...more } = content as Record<string, unknown>
  if (typeof method !== 'string' || typeof path !== 'string' || !path.startsWith('/'))
    throw new Error('an API request needs a method, like "POST", and a path that begins with /')
  if (Object.keys(more).length)
    throw new Error(`an API request has method, path, headers and body, and no ${Object.keys(more).join(', ')}`)
  return {
    method: method.toUpperCase(),
    path,
    headers: Object.fromEntries(
      Object.entries(headers as object).map(([name, value]) => [name.toLowerCase(), String(value)]),
    ),
    body: typeof body === 'string' ? body : JSON.stringify(body),
  }
}

/** Tells the door by the shape of a file's content: an API request, an EventBridge event, or a manual input. */
export const readInput = (text: string): Input => {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    // Step Functions itself refuses an input that is not JSON; any other is for the workflow to judge.
    return { door: 'manual', input: text }
  }
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    if ('method' in content || 'path' in content) return { door: 'api', request: readApiRequest(content) }
    if ('detail-type' in content || 'source' in content) return { door: 'event', event: content }
  }
  return { door: 'manual', input: text }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The member account that an input names; null if it names none. */
export const accountNamed = (input: Input, managementAccountId: string): string | null => {
  if (input.door === 'api') return /^\/accounts\/(\d{12})([/?]|$)/.exec(input.request.path)?.[1] ?? null
  if (input.door === 'manual') {
    const asked = parseJson(input.input)
    const id = typeof asked === 'object' && asked && 'accountId' in asked ? asked.accountId : undefined
    return typeof id === 'string' && /^\d{12}$/.test(id) ? id : null
  }
  try {
    return accountOfEvent(input.event, managementAccountId)
  } catch {
    return null
  }
}

/** The member account that an execution is about; null if its input names none. */
export const accountOfExecution = ({ input, executionArn }: Execution) =>
  accountNamed(readInput(input), executionArn.split(':')[4] ?? '')

export const clientConfig = (organization: LocalOrganization, accountId: string) => ({
  endpoint: organization.endpointUrl,
  region: organization.world.region,
  credentials: { accessKeyId: accountId, secretAccessKey: 'local' },
})

/** Has Organizations create an account, as a person does in the console, and waits until it is there. Answers its id. */
export const createAccount = async (organization: LocalOrganization, AccountName: string, Email: string) => {
  const client = new OrganizationsClient(clientConfig(organization, organization.world.managementAccountId))
  const { CreateAccountStatus } = await client.send(
    new CreateAccountCommand({ AccountName, Email, RoleName: organization.vending.accessRole }),
  )
  for (let tries = 0; tries < 200; tries++) {
    const { CreateAccountStatus: now } = await client.send(
      new DescribeCreateAccountStatusCommand({ CreateAccountRequestId: CreateAccountStatus?.Id }),
    )
    if (now?.State === 'SUCCEEDED') return now.AccountId ?? ''
    if (now?.State === 'FAILED') throw new Error(`Organizations could not create the account: ${now.FailureReason}`)
    await setTimeout((5 * 1000) / organization.clock.speed)
  }
  throw new Error('Organizations did not create the account in 1000 seconds')
}

/** An address that this `vending.yml` lets mails go to. */
export const addressOf = ({ allowedRecipients: [allowed = ''] }: LocalOrganization['vending'], name: string) =>
  allowed.includes('@') ? allowed : `${name.toLowerCase()}@${allowed}`

/** Adds a member account as newly created, without an event of its own, unless it is there. */
export const ensureAccount = ({ world, vending }: LocalOrganization, id: string, name = 'Sandbox') => {
  if (world.accounts.has(id)) return
  const email = addressOf(vending, name)
  const taken = [...world.accounts.values()].some((account) => account.email === email)
  addAccount(world, {
    id,
    name,
    email: taken ? addressOf(vending, `${name}+${id}`) : email,
    roleName: vending.accessRole,
    roleUsableAfter: 12,
  })
}

/** Puts one input through its door, waits until all that it set off has ended, and tells what there is then. */
export const vend = async (organization: LocalOrganization, input: Input) => {
  const { world } = organization
  const callsBefore = world.calls.length
  const mailsBefore = (await organization.mails()).length
  const { executions, matched, response } = await enter(organization, input)
  await organization.settled()
  return report(organization, {
    input,
    matched,
    response,
    execution: executions[0] ?? null,
    calls: world.calls.slice(callsBefore),
    mails: (await organization.mails()).slice(mailsBefore),
  })
}

/** Puts one input through its door. Answers the executions started, whether a rule took it, and the API’s answer. */
export const enter = async (organization: LocalOrganization, input: Input) => {
  if (input.door === 'event') return { ...organization.putEvent(input.event), response: null }
  if (input.door === 'manual') {
    if (parseJson(input.input) === undefined)
      throw new Error(`Not JSON, which StartExecution refuses: ${input.input.slice(0, 60)}`)
    const execution = organization.startExecution(randomUUID(), input.input)
    return { executions: execution === 'ExecutionAlreadyExists' ? [] : [execution], matched: true, response: null }
  }
  const before = new Set(organization.executions.keys())
  const response = await organization.requestApi(input.request)
  const name = parseJson(response.body)
  const started = typeof name === 'object' && name && 'execution' in name ? name.execution : undefined
  // A request that was made before starts nothing.
  const executions = [...organization.executions.values()].filter(
    ({ name, executionArn }) => name === started && !before.has(executionArn),
  )
  return { executions, matched: true, response: { ...response, body: parseJson(response.body) ?? response.body } }
}

/** What a vend made and set off, while the account is as the vend left it. */
export const report = async (
  organization: LocalOrganization,
  {
    input,
    matched,
    response,
    execution,
    calls,
    mails,
  }: {
    input: Input
    matched: boolean
    response: { status: number; headers: Record<string, string>; body: unknown } | null
    execution: Execution | null
    calls: LocalOrganization['world']['calls']
    mails: Awaited<ReturnType<LocalOrganization['mails']>>
  },
) => {
  const { world } = organization
  const accountId = accountNamed(input, world.managementAccountId)
  const isNotice = (mail: (typeof mails)[number]) => mail.function === 'report-failure'
  const shown = ({ from, to, subject, text, html }: (typeof mails)[number]) => ({ from, to, subject, text, html })
  return {
    door: input.door,
    matched,
    accountId,
    response,
    execution: execution && shownExecution(execution),
    ...(accountId && world.accounts.has(accountId)
      ? await inAccount(organization, accountId, await keptUsers(organization, accountId, execution))
      : { groups: [], users: [], secrets: [] }),
    mails: mails.filter((mail) => !isNotice(mail)).map(shown),
    calls: calls.flatMap(({ service, operation, accountId, function: by }) =>
      by ? [{ service, operation, accountId, function: by }] : [],
    ),
    notices: mails.filter(isNotice).map(shown),
  }
}

/** Who was found not to be ours, in lower case: the execution says so, or what a failed one left on record. */
const keptUsers = async (organization: LocalOrganization, accountId: string, execution: Execution | null) => {
  if (!execution) return []
  const { admins = [] } = (execution.output ?? {}) as { admins?: { userName: string; kept: boolean }[] }
  const { body } = await organization.requestApi({
    method: 'GET',
    path: `/accounts/${accountId}`,
    headers: {},
    body: '',
  })
  const record = parseJson(body) as { executionArn?: string; asked?: { kept?: string[] } } | undefined
  const onRecord = record?.executionArn === execution.executionArn ? (record.asked?.kept ?? []) : []
  return [...onRecord, ...admins.filter(({ kept }) => kept).map(({ userName }) => userName)].map((name) =>
    name.toLowerCase(),
  )
}

const shownExecution = ({ name, status, error, cause, output, states }: Execution) => {
  const thrown = parseJson(cause ?? '')
  const sentence =
    typeof thrown === 'object' && thrown && 'errorMessage' in thrown ? String(thrown.errorMessage) : cause
  return {
    name,
    status,
    error: error ?? null,
    cause: sentence ?? null,
    output: output ?? null,
    states: states.map(({ name, status }) => ({ name, status })),
  }
}

/** A session of the account's access role; where there is none, the key that names the account to this endpoint. */
const credentialsIn = async (organization: LocalOrganization, accountId: string) => {
  const config = clientConfig(organization, organization.world.managementAccountId)
  const RoleArn = `arn:aws:iam::${accountId}:role/${organization.vending.accessRole}`
  try {
    const { Credentials } = await new STSClient(config).send(
      new AssumeRoleCommand({ RoleArn, RoleSessionName: 'local-look' }),
    )
    return {
      accessKeyId: Credentials?.AccessKeyId ?? '',
      secretAccessKey: Credentials?.SecretAccessKey ?? '',
      sessionToken: Credentials?.SessionToken ?? '',
    }
  } catch {
    return clientConfig(organization, accountId).credentials
  }
}

/** Groups, users and secrets as they stand, read through AWS's own APIs. */
const inAccount = async (organization: LocalOrganization, accountId: string, kept: string[]) => {
  const { world } = organization
  // What is looked at here is what there is, not what IAM remembers a second after.
  const { staleness } = world
  world.staleness = 0
  const iam = new IAMClient({
    ...clientConfig(organization, accountId),
    credentials: await credentialsIn(organization, accountId),
  })
  const orUndefined = <T>(answer: Promise<T>) => answer.catch(() => undefined)
  const names = (policies: { PolicyArn?: string | undefined }[] = []) => policies.map(({ PolicyArn = '' }) => PolicyArn)

  const { Groups = [] } = await iam.send(new ListGroupsCommand({}))
  const groups = await Promise.all(
    Groups.map(async ({ GroupName = '' }) => {
      const [attached, inline, members] = await Promise.all([
        iam.send(new ListAttachedGroupPoliciesCommand({ GroupName })),
        iam.send(new ListGroupPoliciesCommand({ GroupName })),
        iam.send(new GetGroupCommand({ GroupName })),
      ])
      const documents = (inline.PolicyNames ?? []).map(async (PolicyName): Promise<[string, unknown]> => {
        const { PolicyDocument = '' } = await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName }))
        return [PolicyName, JSON.parse(decodeURIComponent(PolicyDocument))]
      })
      return {
        name: GroupName,
        policies: names(attached.AttachedPolicies),
        inline: Object.fromEntries(await Promise.all(documents)),
        users: (members.Users ?? []).map(({ UserName = '' }) => UserName),
      }
    }),
  )
  const { Users = [] } = await iam.send(new ListUsersCommand({}))
  const users = await Promise.all(
    Users.map(async ({ UserName = '', Path = '' }) => {
      const [user, attached, profile] = await Promise.all([
        iam.send(new GetUserCommand({ UserName })),
        iam.send(new ListAttachedUserPoliciesCommand({ UserName })),
        orUndefined(iam.send(new GetLoginProfileCommand({ UserName }))),
      ])
      return {
        name: UserName,
        path: Path,
        tags: Object.fromEntries((user.User?.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
        groups: groups.filter(({ users }) => users.includes(UserName)).map(({ name }) => name),
        policies: names(attached.AttachedPolicies),
        kept: kept.includes(UserName.toLowerCase()),
        loginProfile: profile ? { passwordResetRequired: profile.LoginProfile?.PasswordResetRequired === true } : null,
      }
    }),
  )
  world.staleness = staleness

  const secretsManager = new SecretsManagerClient(clientConfig(organization, world.managementAccountId))
  const { SecretList = [] } = await secretsManager.send(new ListSecretsCommand({ MaxResults: 100 }))
  const secrets = SecretList.filter(({ Name }) => Name?.startsWith(`account-vending/${accountId}/`)).map(
    ({ Name = '', ARN = '', Tags = [] }) => ({
      name: Name,
      arn: ARN,
      tags: Object.fromEntries(Tags.map(({ Key = '', Value = '' }) => [Key, Value])),
    }),
  )
  return { groups, users, secrets }
}
