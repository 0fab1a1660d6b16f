import { createHash } from 'node:crypto'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { FollowUp } from '../../functions/shared/follow.ts'
import type { Handover } from '../../functions/shared/handover.ts'
import { ourPath } from '../../functions/shared/iam-client.ts'
import { oneLine } from '../../functions/shared/mail.ts'
import { type MailItem, mailTags } from '../../functions/shared/mail-events.ts'
import { type AccountRecord, mailTo } from '../../functions/shared/record-and-lease.ts'
import { secretName } from '../../functions/shared/secret-name.ts'
import type { Vending } from '../../functions/shared/vending.ts'
import type { Interception } from '../../local/aws/endpoint.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import type { User, World } from '../../local/aws/world.ts'
import { accountOfExecution } from '../../local/read-execution.ts'
import type { inMemoryDynamoDB } from './dynamodb.ts'
import { mutating } from './invariants.ts'
import { keepsOut, type RoundPlan } from './round-plan.ts'
import type { Invocation } from './service.ts'

// The promises of the daily round and of removals. What must have happened is decided here once more, from the ledger
// and the accounts, and not by the functions' own code.

type Given = {
  plan: RoundPlan
  world: World
  vending: Vending
  ledger: ReturnType<typeof inMemoryDynamoDB>
  record: (accountId: string) => AccountRecord | undefined
  executions: () => Execution[]
  /** How many faults have happened until now. */
  faults: () => number
  /** Whether a user was there before account vending. */
  isForeign: (accountId: string, userName: string) => boolean
  broken: (invariant: string, what: string) => void
}
type Finding = { status: 'new' | 'gone'; accountId: string; kind: string; subject: string; text: string }
type Mail = { Destination: { ToAddresses: string[] }; Tags?: { Name: string; Value: string }[] }

export const roundPromises = {
  forgotten: '16 nobody forgotten',
  twice: '17 nothing told twice',
  looking: '18 nothing changed by looking',
  removed: '19 nothing removed that is in use',
}

const day = 24 * 60 * 60 * 1000
/** A mail may have been sent this long before it was put on record. */
const slack = 60 * 60 * 1000
const lookers = ['look-at-accounts', 'audit-root-credentials', 'report-round']
const troubles = ['bounced', 'complained', 'rejected']
const lower = (text: string) => text.toLowerCase()
const vendId = (executionArn: string) => createHash('sha256').update(executionArn).digest('hex').slice(0, 32)
const hasSignedIn = ({ login, passwordLastUsed }: User) =>
  login !== undefined && passwordLastUsed !== undefined && passwordLastUsed >= Math.floor(login.createdAt / 1000) * 1000

/** A person whom a round finds not settled, or who has just settled: as it is when the round begins. */
type Person = {
  accountId: string
  userName: string
  email: string
  mail: { at: number; secretVersion: string }
  mailStatus: string | undefined
  /** When the wait for this person began, and whether a round has renewed the link. */
  since: number
  isRenewed: boolean
  /** `ending`: the link may end while the round is at work. */
  link: 'none' | 'open' | 'ending' | 'ended' | 'claimed' | 'disowned'
  missing: 'sign-in' | 'password' | 'mfa' | undefined
  mayEndSecret: boolean
}
type Begun = { at: number; faults: number; people: Person[]; isStill: Map<string, boolean> }

type Asked = {
  accountId?: string
  renew?: string
  remove?: { userName?: string; unclaimed?: boolean }
  requestedBy?: string
}
/** The findings that a write of a look leaves to be told: of two calls with the same events, one may be refused. */
const toTellIn = (accountId: string, values: unknown) =>
  new Set(
    Object.values(unmarshall((values ?? {}) as Parameters<typeof unmarshall>[0]))
      .flatMap((value: unknown) => (typeof value === 'object' && value !== null ? Object.entries(value) : []))
      .flatMap(([key, { report }]: [string, { report?: string }]) =>
        report === undefined ? [] : [`${accountId} ${lower(key)}`],
      ),
  )
const askedOf = ({ input }: Pick<Execution, 'input'>) => JSON.parse(input) as Asked

/** Checks the promises of the rounds in one world. `broken` is called for each promise that is broken. */
export const roundInvariantsOf = (given: Given) => {
  const { plan, world, vending, ledger, record, executions, faults, isForeign, broken } = given
  const begun = new Map<Invocation, number>()
  const begunAt = (by: Invocation) => begun.get(by) ?? world.now()
  /** When the first mail about each version of a password was accepted, by account, user and address. */
  const signInMails = new Map<string, { version: string; at: number }[]>()
  type Reminder = { by: Invocation; due: number; at: number; whose: string; recordedAt?: number }
  const reminders: Reminder[] = []
  type Told = { by: Invocation; status: Finding['status']; recordedAt?: number }
  const told = new Map<string, Told>()
  const findings: Finding[] = []
  type Report = { by: Invocation; text: string; at: number; recordedAt?: number }
  const reports: Report[] = []
  /** When somebody last did something in an account by hand. */
  const touchedAt = new Map<string, number>()
  const rounds = new Map<string, Begun>()
  /** The drift of each account that is there now, or was mended. */
  type Drifted = { accountId: string; key: string; at: number; mendedAt?: number }
  const drifted: Drifted[] = []

  const itemOf = <Item>(key: string) => {
    const item = ledger.item(key)
    return item && (unmarshall(item) as Item)
  }
  const userOf = (accountId: string, userName: string) => world.accounts.get(accountId)?.users.get(lower(userName))
  const whoseOf = ({ accountId, userName, email }: { accountId: string; userName: string; email: string }) =>
    `${accountId} ${lower(userName)} ${email}`
  const keyOf = ({ accountId, kind, subject }: Pick<Finding, 'accountId' | 'kind' | 'subject'>) =>
    `${accountId} ${kind}#${lower(subject)}`
  const executionOf = (id: string | undefined) => executions().find(({ executionArn }) => vendId(executionArn) === id)
  const isByRound = (execution: Execution | undefined) =>
    execution !== undefined && askedOf(execution).requestedBy === 'daily round'

  const linkOf = (accountId: string, userName: string, version: string): Person['link'] => {
    const handover = itemOf<Handover>(`handover#${accountId}#${lower(userName)}`)
    if (handover?.secretVersion !== version) return 'none'
    if (handover.claim) return handover.claim.disownedAt ? 'disowned' : 'claimed'
    const end = Math.max(...Object.values(handover.links).map(({ expiresAt }) => Date.parse(expiresAt)))
    if (end <= world.now()) return 'ended'
    return end > world.now() + slack ? 'open' : 'ending'
  }
  const missingOf = (accountId: string, user: User): Person['missing'] => {
    if (!hasSignedIn(user)) return 'sign-in'
    if (user.login?.resetRequired) return 'password'
    const devices = [...(world.accounts.get(accountId)?.mfaDevices.values() ?? [])]
    return vending.mfa === 'required' && !devices.some((device) => device.user === user) ? 'mfa' : undefined
  }
  /** The administrators whom this service has made, mailed, and who can sign in. */
  const peopleOf = (accountId: string): Person[] => {
    const there = record(accountId)
    return Object.values(there?.admins ?? {}).flatMap((admin): Person[] => {
      const { userName, email, kept, passwordResetRequired } = admin
      const mail = there && mailTo(there, admin)
      const user = userOf(accountId, userName)
      if (kept || !mail || !user?.login || user.path !== ourPath) return []
      const all = signInMails.get(whoseOf({ accountId, userName, email })) ?? []
      const nth = all.findIndex(({ version }) => version === mail.secretVersion)
      const isRenewed = isByRound(executionOf(mail.vendId))
      const item = mail.vendId && itemOf<MailItem>(`mail#${mail.vendId}#${mailTags(mail.vendId, userName).admin}`)
      const missing = missingOf(accountId, user)
      const at = Date.parse(mail.at)
      return [
        {
          accountId,
          userName,
          email,
          mail: { at, secretVersion: mail.secretVersion },
          mailStatus: item ? item.status : undefined,
          since: (isRenewed && all[nth - 1]?.at) || at,
          isRenewed,
          link: linkOf(accountId, userName, mail.secretVersion),
          missing,
          mayEndSecret: passwordResetRequired && missing !== 'sign-in' && missing !== 'password',
        },
      ]
    })
  }

  /** Before every call of a function: whoever looks changes nothing in an account, whether or not AWS allows it. */
  const calling = ({ service, operation, caller }: Interception, by: Invocation | undefined) => {
    if (by && !begun.has(by)) begun.set(by, world.now())
    if (by && [...lookers, 'follow-up'].includes(by.name) && service === 'iam' && mutating.test(operation))
      broken(roundPromises.looking, `${by.name} called ${operation} in ${caller.accountId}`)
    if (by && lookers.includes(by.name) && service === 'secretsmanager')
      broken(roundPromises.looking, `${by.name} called ${operation} of Secrets Manager`)
    if (by?.name === 'remove-administrators' && service === 'iam' && operation === 'DeleteLoginProfile')
      return checkRemoval(by, caller.accountId)
    return undefined
  }
  /** A removal of the round leaves whoever had signed in before the removal looked. */
  const checkRemoval = (by: Invocation, accountId: string) => {
    const { remove, vend } = by.input as { remove: Asked['remove']; vend: { executionArn: string } }
    const asked = executions().find(({ executionArn }) => executionArn === vend.executionArn)
    const user = userOf(accountId, remove?.userName ?? '')
    if (!asked || !isByRound(asked) || !user || !hasSignedIn(user)) return
    if ((user.passwordLastUsed ?? 0) < begunAt(by))
      broken(roundPromises.removed, `the round took the sign-in of ${user.name} of ${accountId}, who has signed in`)
  }

  /** Checks after every call that reached AWS. */
  const called = ({ service, operation, input }: Interception, by: Invocation | undefined) => {
    if (!by) return
    const { pk: { S: pk = '' } = {} } = (input['Item'] ?? input['Key'] ?? {}) as { pk?: { S?: string } }
    const now = world.now()
    if (by.name === 'follow-up' && operation === 'UpdateItem' && pk.startsWith('follow#')) {
      const names = Object.values((input['ExpressionAttributeNames'] ?? {}) as Record<string, string>)
      const own = reminders.filter(
        (one) => one.by === by && pk === `follow#${one.whose.split(' ').slice(0, 2).join('#')}`,
      )
      for (const one of own) if (names.includes(`remind-${one.due}`)) one.recordedAt ??= now
      if (names.some((name) => name.startsWith('remind-')) && !own.length)
        broken(roundPromises.forgotten, `a reminder of ${pk} was put on record before it was sent`)
    }
    if (by.name === 'report-round' && operation === 'PutItem' && pk.startsWith('report#'))
      for (const report of reports) if (report.by === by) report.recordedAt ??= now
    if (by.name === 'report-round' && operation === 'UpdateItem' && pk.startsWith('look#')) {
      const accountId = pk.replace('look#', '')
      const stillToTell = toTellIn(accountId, input['ExpressionAttributeValues'])
      for (const [key, one] of told) {
        if (!key.startsWith(accountId)) continue
        if (one.by === by && !stillToTell.has(key)) one.recordedAt ??= now
        // A second report at the same moment writes over what this one has recorded. An event can come twice then.
        if (one.by !== by && begunAt(by) < (one.recordedAt ?? 0)) delete one.recordedAt
      }
    }
    // After a removal of everything, the next look knows of no finding.
    if (operation === 'DeleteItem' && pk.startsWith('look#'))
      for (const key of told.keys()) if (key.startsWith(pk.replace('look#', ''))) told.delete(key)
    if (by.name === 'follow-up' && operation === 'StartExecution') checkStart(input)
    if (by.name === 'follow-up' && service === 'secretsmanager' && operation === 'DeleteSecret')
      checkSecret(String(input['SecretId']))
  }
  const checkStart = ({ input = '{}' }: { input?: string }) => {
    const { accountId = '', renew, remove } = JSON.parse(input) as Asked
    const person = peopleOf(accountId).find((one) => lower(one.userName) === lower(renew ?? remove?.userName ?? ''))
    if (!person) return
    const { userName, mail, since, isRenewed } = person
    if (renew && isRenewed && person.link === 'ended')
      broken(roundPromises.twice, `the round renewed the link of ${userName} of ${accountId} twice`)
    if (renew && world.now() - mail.at < vending.linkDays * day - slack)
      broken(roundPromises.removed, `the round replaced the link of ${userName} of ${accountId} before its end`)
    const days = vending.unclaimed?.removeAfterDays
    if (remove && (days === undefined || world.now() - since < days * day - slack))
      broken(roundPromises.removed, `the round removes the sign-in of ${userName} of ${accountId} too early`)
  }
  const checkSecret = (name: string) => {
    const [, accountId = '', userName = ''] = name.split('/')
    const user = userOf(accountId, userName)
    // A vend may have replaced the password since the look.
    if (isBusy(accountId, { from: world.now() - 10 * 60_000, to: world.now() })) return
    if (user?.login && (!hasSignedIn(user) || user.login.resetRequired))
      broken(roundPromises.removed, `the secret of ${userName} of ${accountId} was ended before it had served`)
  }

  /** Whether an execution of the workflow that vends was at work on an account in this time. */
  const isBusy = (accountId: string, { from, to }: { from: number; to: number }) =>
    executions().some(
      (one) => accountOfExecution(one) === accountId && one.startDate <= to && (one.stopDate ?? Infinity) >= from,
    )

  /** After a mail that was accepted. */
  const mailed = (by: Invocation | undefined, mail: Mail, text: string) => {
    const now = world.now()
    if (by?.name === 'follow-up') {
      const tags = Object.fromEntries((mail.Tags ?? []).map(({ Name, Value }) => [Name, Value]))
      const person = plan.accounts
        .flatMap(({ id }) => peopleOf(id))
        .find(({ accountId, userName, mail }) => {
          const { vendId = '' } =
            Object.values(record(accountId)?.mails ?? {}).find(
              ({ secretVersion, vendId }) => secretVersion === mail.secretVersion && vendId === tags['vend'],
            ) ?? {}
          return vendId !== '' && mailTags(vendId, userName).admin === tags['admin']
        })
      // The person may have been removed in this moment.
      if (!person) return
      const due = Math.max(...vending.reminders.filter((days) => days * day <= now - person.mail.at))
      const whose = `${whoseOf(person)} ${person.mail.secretVersion}`
      if (!Number.isFinite(due))
        broken(roundPromises.twice, `${person.userName} of ${person.accountId} was reminded before the first day`)
      if (person.missing === undefined && (touchedAt.get(person.accountId) ?? 0) < begunAt(by) - 10 * 60_000)
        broken(roundPromises.twice, `${person.userName} of ${person.accountId} was reminded of nothing`)
      if (reminders.some((one) => one.whose === whose && one.due >= due && (one.recordedAt ?? Infinity) < begunAt(by)))
        broken(roundPromises.twice, `${person.userName} of ${person.accountId} was reminded again`)
      reminders.push({ by, due, at: now, whose })
    }
    if (by?.name === 'report-round') {
      // What is gone may come again on a later day, and then reads the same.
      const isSame = (one: Report) => one.text === text && now - one.at < day / 2
      if (reports.some((one) => isSame(one) && (one.recordedAt ?? Infinity) < begunAt(by)))
        broken(roundPromises.twice, 'the same report was mailed again, though that was on record')
      reports.push({ by, text, at: now })
    }
  }

  /** After events that EventBridge took. */
  const toldEvents = (by: Invocation | undefined, details: string[]) => {
    if (by?.name !== 'report-round') return
    for (const finding of details.map((detail) => JSON.parse(detail) as Finding)) {
      const key = keyOf(finding)
      const before = told.get(key)
      if (before?.status === finding.status && (before.recordedAt ?? Infinity) < begunAt(by))
        broken(roundPromises.twice, `${key} was told as ${finding.status} again, though that was on record`)
      told.set(key, { by, status: finding.status })
      findings.push(finding)
    }
  }

  const roundBegins = ({ executionArn }: Execution) => {
    const accounts = plan.accounts.map(({ id }) => id)
    rounds.set(executionArn, {
      at: world.now(),
      faults: faults(),
      people: accounts.flatMap(peopleOf),
      isStill: new Map(accounts.map((id) => [id, record(id)?.status === 'VENDED' && !record(id)?.lease])),
    })
  }
  const isActive = ({ at, mendedAt = Infinity }: Drifted, from: number, to: number) => at <= to && mendedAt >= from

  /** After a round that met no fault: everything that was due has been done, and everything found has been told. */
  const roundEnded = (execution: Execution) => {
    const begun = rounds.get(execution.executionArn)
    if (!begun || execution.status !== 'SUCCEEDED' || execution.redriveCount || begun.faults !== faults()) return
    const at = { from: begun.at, to: world.now() }
    const isDueTo = ({ accountId }: { accountId: string }) => {
      const others = executions().some((one) => {
        const isOwn = isByRound(one) && one.startDate >= begun.at
        return accountOfExecution(one) === accountId && !isOwn && (one.stopDate ?? Infinity) >= begun.at - 5000
      })
      const isOut = drifted.some((one) => {
        const kind = one.key.split(' ')[1]?.split('#')[0] ?? ''
        return one.accountId === accountId && keepsOut.some((out) => out === kind) && isActive(one, at.from, at.to)
      })
      const isTouched = (touchedAt.get(accountId) ?? 0) >= begun.at - 5000
      const isThere = world.accounts.get(accountId)?.state === 'ACTIVE'
      return begun.isStill.get(accountId) === true && !others && !isOut && !isTouched && isThere
    }
    for (const person of begun.people) if (isDueTo(person)) checkPerson(person, at)
    for (const drift of drifted) checkDrift(drift, begun.at, isDueTo)
    for (const { status, accountId, text } of findings)
      if (status === 'new' && !reports.some((one) => one.text.includes(accountId) && one.text.includes(oneLine(text))))
        broken(roundPromises.forgotten, `the finding “${text}” of ${accountId} was in no mail`)
  }

  const checkPerson = (person: Person, { from }: { from: number }) => {
    const { accountId, userName, mail, mailStatus = '', since, isRenewed, link, missing } = person
    const who = `${userName} of ${accountId}`
    const mayBeMailed = !troubles.includes(mailStatus) && link !== 'disowned'
    const started = (is: (asked: Asked) => boolean) =>
      executions().some((one) => isByRound(one) && one.startDate >= mail.at && is(askedOf(one)))
    const isHim = (name: string | undefined) => name !== undefined && lower(name) === lower(userName)
    const { unclaimed, reminders: days, secretAfterSignIn } = vending
    const isOver = unclaimed && from - since > unclaimed.removeAfterDays * day + slack
    const isAlmostOver = unclaimed && from - since > unclaimed.removeAfterDays * day - slack
    const wasActedOn = itemOf<FollowUp>(`follow#${accountId}#${lower(userName)}`)?.done['remove'] !== undefined
    if (missing === 'sign-in' && isOver && !started(({ remove }) => isHim(remove?.userName)))
      broken(roundPromises.forgotten, `${who} has not come for ${unclaimed.removeAfterDays} days and was not removed`)
    if (missing === 'sign-in' && (isAlmostOver || wasActedOn || link === 'ending')) return
    const isEnded = missing === 'sign-in' && link === 'ended'
    if (isEnded && mayBeMailed && !isRenewed && !started(({ renew }) => isHim(renew)))
      broken(roundPromises.forgotten, `the link of ${who} has ended, and the round mailed no new link`)
    const due = Math.max(...days.filter((one) => from - mail.at > one * day))
    const whose = `${whoseOf(person)} ${mail.secretVersion}`
    if (missing && !isEnded && mayBeMailed && Number.isFinite(due))
      if (!reminders.some((one) => one.whose === whose && one.due >= due))
        broken(roundPromises.forgotten, `${who} lacks ${missing} and was not reminded of day ${due}`)
    const isLate = from - since > vending.linkDays * day + slack
    const isTold = ['link-unclaimed', 'never-signed-in'].some(
      (kind) => told.get(keyOf({ accountId, kind, subject: userName }))?.status === 'new',
    )
    const wants = link === 'ended' || (link === 'open' ? isRenewed : isLate)
    if (missing === 'sign-in' && wants && !['bounced', 'rejected'].includes(mailStatus) && !isTold)
      broken(roundPromises.forgotten, `nobody was told that ${who} has not come`)
    const secret = world.secrets.get(secretName(accountId, userName))
    const isCurrent = secret?.versions.get(mail.secretVersion)?.stages.includes('AWSCURRENT')
    if (person.mayEndSecret && secretAfterSignIn === 'delete' && secret && isCurrent && !secret.deletionAt)
      broken(roundPromises.forgotten, `the secret of ${who} has served and is kept`)
  }

  /** In a world where every account is looked at, what was changed by hand is told, and as gone when it was mended. */
  const checkDrift = (drift: Drifted, from: number, isDueTo: (of: { accountId: string }) => boolean) => {
    const { accountId, key, at, mendedAt } = drift
    if (vending.round !== 'all' || at >= from || !isDueTo({ accountId })) return
    // Whoever works on the account later may mend the drift, or make it another.
    if (isBusy(accountId, { from: at, to: world.now() })) return
    const isBesideAnother = drifted.some((one) => one.accountId === accountId && one !== drift)
    if (isBesideAnother) return
    const status = told.get(key)?.status
    if (mendedAt === undefined && status !== 'new') broken(roundPromises.forgotten, `nobody was told of ${key}`)
    if (mendedAt !== undefined && mendedAt < from && status === 'new')
      broken(roundPromises.forgotten, `nobody was told that ${key} is gone`)
  }

  /** After a removal that an operator or a round asked for: nothing of ours is left that was to go. */
  const removed = (execution: Execution) => {
    const {
      outcome,
      users = [],
      accountId = '',
    } = (execution.output ?? {}) as {
      outcome?: string
      accountId?: string
      users?: { userName: string; is: string }[]
    }
    if (outcome !== 'Removed') return
    // A redrive answers what an earlier try has removed. Another execution may have made it again.
    if (execution.redriveCount) return
    for (const { userName, is } of users) {
      const user = userOf(accountId, userName)
      const secret = world.secrets.get(secretName(accountId, userName))
      if (is === 'deleted' ? user && !isForeign(accountId, userName) : user?.login && !isForeign(accountId, userName))
        broken(roundPromises.removed, `${userName} of ${accountId} was removed and is still there`)
      if (secret && !secret.deletionAt)
        broken(roundPromises.removed, `the secret of ${userName} of ${accountId} outlives the removal`)
    }
  }

  return {
    calling,
    called,
    mailed,
    told: toldEvents,
    roundBegins,
    roundEnded,
    removed,
    signInMailed: (whose: { accountId: string; userName: string; email: string }, version: string | undefined) => {
      const all = signInMails.get(whoseOf(whose)) ?? []
      if (version !== undefined && !all.some((one) => one.version === version))
        signInMails.set(whoseOf(whose), [...all, { version, at: world.now() }])
    },
    /** After somebody has changed something in an account by hand. */
    touched: (accountId: string) => touchedAt.set(accountId, world.now()),
    drifted: (drift: Drifted) => drifted.push(drift),
  }
}
