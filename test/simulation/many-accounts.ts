import { answering } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { type Account, addAccount, createWorld, type World } from '../../local/aws/world.ts'
import { accountCreated } from '../support/events.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import { randomFrom } from './random.ts'
import type { Service } from './service.ts'
import { inVirtualTime, sleep } from './virtual-time.ts'

type Ledger = ReturnType<typeof inMemoryDynamoDB>
type Item = ReturnType<Ledger['all']>[number]
/** An account as the deployed functions made it, with all items of the ledger that are about it. */
type Made = { account: Account; items: Item[] }
/** The accounts that all others are copies of. The administrator of the one has settled. */
export type MadeAccounts = { settled: Made; waiting: Made }

const hour = 60 * 60 * 1000
const madeId = '444455556666'
const madeName = 'Account 000000'
const executionName = 'made'.padEnd(73, '-')

/** Takes the accounts that every world begins with out of a world, except the management account. */
const empty = (world: World) => {
  for (const { id } of [...world.accounts.values()]) if (id !== world.managementAccountId) world.accounts.delete(id)
}

/**
 * Vends an account with the deployed functions. An hour later its administrator settles, or does not, and another hour
 * later the deployed round looks at the account.
 */
const makeAccount = (service: Service, { isSettled }: { isSettled: boolean }): Promise<Made> => {
  const random = randomFrom(`made ${isSettled}`)
  return inVirtualTime(random, async () => {
    const { vending, deployed, clock, functionOf } = service
    const { now, setTimer } = clock
    const world = createWorld({ now, setTimer, random, accessRole: vending.accessRole })
    world.managesRootCredentials = true
    empty(world)
    const ledger = inMemoryDynamoDB(deployed.ledgerTable, now)
    const handle = answering(world, {
      operations: {
        dynamodb: ledger.operations,
        ses: { SendEmail: () => ({ MessageId: 'made' }) },
        events: { PutEvents: () => ({ FailedEntryCount: 0, Entries: [{ EventId: 'made' }] }) },
      },
      intercept: () => sleep(10),
    })
    const run = async ({ definition, stateMachineArn }: typeof deployed.round, input: object) => {
      const ended = Promise.withResolvers<Execution>()
      const stepFunctions = startStepFunctions({
        definition: definition as never,
        stateMachineArn,
        clock,
        invoke: (arn, input) => service.invoke(functionOf(arn), input, { handle, log: () => undefined }),
        onProgress: () => undefined,
        onEnd: ended.resolve,
      })
      stepFunctions.start(executionName, JSON.stringify(input))
      const { status, error = '', cause = '' } = await ended.promise
      if (status !== 'SUCCEEDED') throw new Error(`The account that is copied could not be made: ${error} ${cause}`)
    }
    const account = addAccount(world, { id: madeId, name: madeName })
    await run(deployed, accountCreated(madeId))
    await sleep(hour)
    for (const user of isSettled ? account.users.values() : []) {
      user.passwordLastUsed = now()
      if (user.login) user.login.resetRequired = false
    }
    await sleep(hour)
    await run(deployed.round, {})
    return { account, items: ledger.all().filter(({ pk }) => !pk?.S?.startsWith('round#')) }
  })
}

/** Makes the accounts that all others are copies of. */
export const makeAccounts = async (service: Service): Promise<MadeAccounts> => ({
  settled: await makeAccount(service, { isSettled: true }),
  waiting: await makeAccount(service, { isSettled: false }),
})

/** Replaces texts in a value. What does not change is shared, so that 50,000 copies need little memory. */
const replaceIn = <T>(value: T, replace: (text: string) => string): T => {
  if (typeof value === 'string') return replace(value) as T
  if (typeof value !== 'object' || value === null) return value
  let isChanged = false
  const changed = (member: unknown) => {
    const after = replaceIn(member, replace)
    isChanged ||= after !== member
    return after
  }
  const copy: unknown = Array.isArray(value)
    ? (value as unknown[]).map(changed)
    : Object.fromEntries(Object.entries(value).map(([name, member]) => [changed(name), changed(member)]))
  return isChanged ? (copy as T) : value
}

/** A copy for the nth account. Only what must differ from account to account differs, and the rest is shared. */
const copyOf = ({ account, items }: Made, n: number): Made => {
  const id = String(500_000_000_000 + n * 7)
  const name = `Account ${String(n).padStart(6, '0')}`
  const email = `account-${n}@example.com`
  const withOwnArn = <Entity extends { arn: string }>(entities: Map<string, Entity>) =>
    new Map([...entities].map(([key, entity]) => [key, { ...entity, arn: entity.arn.replace(madeId, id) }]))
  const copy: Account = {
    ...account,
    id,
    name,
    email,
    users: withOwnArn(account.users),
    groups: withOwnArn(account.groups),
  }
  for (const user of copy.users.values())
    user.groups = new Set([...user.groups].flatMap((group) => copy.groups.get(group.name.toLowerCase()) ?? []))
  const own = n.toString(16).padStart(8, '0')
  const [link = ''] = items.flatMap(({ pk }) => /^link#(.+)/.exec(pk?.S ?? '')?.[1] ?? [])
  const replace = (text: string) =>
    text
      .replaceAll(account.email, email)
      .replaceAll(madeId, id)
      .replaceAll(madeName, name)
      .replaceAll(executionName, `made-${own}`.padEnd(executionName.length, '-'))
      .replaceAll(link, own + link.slice(own.length))
      // The ids of vends and the keys of mails have 32 hexadecimal digits.
      .replace(/\b[0-9a-f]{32}\b/g, (digits) => own + digits.slice(own.length))
  return { account: copy, items: replaceIn(items, replace) }
}

/** Of each hundred accounts, the places of those that are not in order. */
const troubles = { refusing: 7, throttled: 23, drifted: 41, waiting: 77 }

type Filled = { world: World; ledger: Ledger; vending: Service['vending'] }

/**
 * Fills a world with so many vended accounts. Of each hundred, 96 are in order. One refuses: its role is gone, or a
 * service control policy denies everything. In one, IAM throttles: each operation once, or always. One has lost its
 * group's policy. One waits for its administrator.
 * Answers in which accounts IAM throttles, and what the round must find.
 */
export const fill = ({ world, ledger, vending }: Filled, made: MadeAccounts, accounts: number) => {
  empty(world)
  const throttled = new Map<string, 'once' | 'always'>()
  const expected = { 'access-role-missing': 0, 'account-refuses': 0, 'policy-detached': 0 }
  for (let n = 0; n < accounts; n++) {
    const [trouble] = Object.entries(troubles).find(([, place]) => place === n % 100) ?? []
    const isEven = n % 200 < 100
    const { account, items } = copyOf(trouble === 'waiting' ? made.waiting : made.settled, n)
    if (trouble === 'refusing' && isEven) account.roleName = null
    if (trouble === 'refusing' && !isEven) account.deniedActions = ['iam:*']
    if (trouble === 'throttled') throttled.set(account.id, isEven ? 'once' : 'always')
    if (trouble === 'drifted') for (const group of account.groups.values()) group.policies = new Set()
    if (trouble === 'refusing' || (trouble === 'throttled' && !isEven))
      expected[trouble === 'refusing' && isEven ? 'access-role-missing' : 'account-refuses']++
    // A second refusal, of the root user.
    if (trouble === 'throttled' && !isEven && vending.rootCredentials === 'audit') expected['account-refuses']++
    if (trouble === 'drifted') expected['policy-detached']++
    world.accounts.set(account.id, account)
    ledger.load(items)
  }
  return { throttled, expected }
}
