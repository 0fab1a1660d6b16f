import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from './command-errors.ts'
import { liveLine } from './live-line.ts'
import { fileOf, type Global, settingOf } from './setting.ts'
import { width } from './show.ts'

/** The statuses of an account's vend. */
const statuses = 'NOT_VENDED VENDING VENDED FAILED DEPARTED CLOSED REMOVED AWAITING_APPROVAL OPENING'.split(' ')

type Shared = {
  more: (text: string, before?: string[]) => string[]
  answer: (json: boolean, data: unknown, text: () => string) => void
}
type Asked = {
  status?: string[]
  failed?: boolean
  neverSignedIn?: boolean
  mfa: boolean
  bounced?: boolean
  since?: string
  ou?: string
  csv?: string
  force?: boolean
}

const statusesOf = ({ status = [], failed }: Asked) => {
  const wanted = status.flatMap((text) => text.toUpperCase().replaceAll('-', '_').split(','))
  const unknown = wanted.find((name) => !statuses.includes(name))
  if (unknown) throw new UsageError(`--status ${unknown}: must be one of ${statuses.join(', ')}.`)
  return failed ? [...wanted, 'FAILED'] : wanted
}

const day = (text: string) => {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('A day is written like 2026-11-28.')
  return text
}

/** Adds the command that lists the accounts. */
export const addListCommand = (program: Command, { more, answer }: Shared) => {
  program
    .command('list')
    .description('list all accounts of the organization with the status of their vends')
    .addOption(
      // The choices are for completion: a comma between several statuses is allowed too.
      new Option('--status <STATUS>', 'only accounts with this status; can be repeated')
        .choices(statuses)
        .argParser(more),
    )
    .option('--failed', 'only accounts with the status FAILED')
    .option('--never-signed-in', 'only accounts with an administrator who has not signed in yet')
    .option('--no-mfa', 'only accounts with an administrator who signs in without MFA')
    .option('--bounced', 'only accounts with a sign-in mail that bounced, was rejected or was marked as spam')
    .option('--since <DAY>', 'only accounts whose vend has changed on this day (UTC) or later, like 2026-11-28', day)
    .option('--ou <UNIT>', 'only accounts in this unit and the units in it: an id, or a path like Workloads/Sandbox')
    .option('--csv <FILE>', 'write a CSV file, or - for stdout')
    .option('--force', 'replace an existing file')
    .addHelpText(
      'after',
      `
Statuses:
  NOT_VENDED         no vend of the account has begun
  VENDING            a vend or a removal is running
  VENDED             the account has its administrators
  FAILED             the last vend, opening or removal has failed
  REMOVED            the administrators were removed; the account stays in the organization
  DEPARTED           the account has left the organization
  CLOSED             the account is closed
  AWAITING_APPROVAL  a request for the account waits for an approver
  OPENING            the account is being opened

If you give several options, the command lists the accounts that match all of them. The last daily
round saw who has signed in and who uses MFA: docs/round.md.

Exit codes: 0 listed, 1 AWS refused, 2 a mistake in the command.`,
    )
    .action(async (asked: Asked, command: Command) => {
      const { csv, since, ou, force = false } = asked
      const wanted = {
        status: statusesOf(asked),
        neverSignedIn: asked.neverSignedIn === true,
        withoutMfa: !asked.mfa,
        bounced: asked.bounced === true,
        since,
        ou,
      }
      const { make, stage, json, vending } = settingOf(command.optsWithGlobals<Global>())
      if (json && csv === '-') throw new UsageError('Choose one of --json and --csv -.')
      const { list, listClients, listFile, showList } = await import('./list.ts')
      const line = liveLine()
      const accounts = await list(listClients(make), { ...wanted, stage, vending: await vending() }, (count) => {
        line.show(`${count} accounts read …`)
      }).finally(line.clear)
      if (csv === '-') return void process.stdout.write(listFile(accounts))
      if (csv === undefined)
        return answer(json, accounts, () => showList(accounts, process.stdout.isTTY ? width : Infinity))
      const file = fileOf(csv)
      const { writePrivately } = await import('./write-privately.ts')
      writePrivately(file, listFile(accounts), { force, option: '--csv' })
      answer(json, { file, accounts: accounts.length }, () => `Written: ${file} (accounts: ${accounts.length})`)
    })
}
