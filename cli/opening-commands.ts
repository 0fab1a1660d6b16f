import { type Command, InvalidArgumentError } from 'commander'
import type { OpenRequest } from '../functions/shared/new-account.ts'
import type { AskedToOpen } from './open-options.ts'
import type { Input, OpeningStatus } from './openings.ts'
import { type Global, settingOf } from './setting.ts'
import { width } from './show.ts'

type Shared = {
  answer: (json: boolean, data: unknown, text: () => string) => void
  out: (text: string) => void
  note: (text: string) => void
  /** Collects the values of an option that can be repeated. */
  more: (text: string, before?: string[]) => string[]
}

const requestId = (text: string) => {
  if (!/^[\da-f]{32}$/.test(text)) throw new InvalidArgumentError('The ID of a request has 32 hexadecimal digits.')
  return text
}

const isTarget = (text: string) => /^(\d{12}|[\da-f]{32}|[^@\s]+@[^@\s]+)$/.test(text)
const targets = 'an account ID (12 digits), the ID of a request (32 hexadecimal digits), an e-mail address'

/** What `status` takes: the id of an account, or what names an account that is being opened. */
export const statusTarget = (text: string) => {
  if (!isTarget(text)) throw new InvalidArgumentError(`The argument must be one of: ${targets}.`)
  return text
}

/** What `redrive` takes: as `status`, or an execution. */
export const redriveTarget = (text: string) => {
  if (!isTarget(text) && !/^arn:[\w-]+:states:[\w-]+:\d{12}:execution:.+$/.test(text))
    throw new InvalidArgumentError(`The argument must be one of: ${targets}, the ARN of an execution.`)
  return text
}

/** Shows how far the opening of an account is, and sets the exit code. */
export const showOpeningOf = async (command: Command, target: string, { answer }: Pick<Shared, 'answer'>) => {
  const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
  const { openingClients, openingStatus, showOpening } = await import('./openings.ts')
  const opening = await openingStatus(openingClients(make), { target, stage, options })
  answer(json, opening, () => showOpening(opening, { withSteps: true }))
  process.exitCode = opening.status === 'failed' ? 1 : 0
}

/** Follows the opening of an account until it ends, and sets the exit code. Ctrl-C ends only the following. */
export const followOpening = async (
  command: Command,
  target: string,
  { answer, out, note }: Omit<Shared, 'more'>,
  executionArn?: string,
) => {
  const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
  process.once('SIGINT', () => {
    note(`\nThe opening goes on. Follow it: npx vend status ${target} --watch${options}`)
    // As a shell reports a program that Ctrl-C ended.
    process.exit(130)
  })
  const { hasEnded, openingClients, showOpening, watchOpening } = await import('./openings.ts')
  const input: Input = { target, stage, options, executionArn }
  const ended: OpeningStatus = await watchOpening(openingClients(make), input, (line) => (json ? undefined : out(line)))
  answer(json, ended, () => `\n${showOpening(ended, { withSteps: false })}`)
  if (!hasEnded(ended))
    note(
      `The account is still not open after an hour. Continue to follow it: npx vend status ${target} --watch${options}`,
    )
  process.exitCode = ended.status === 'vended' ? 0 : 1
}

/** Asks for an account, and says what takes long: in a large organization, many accounts are looked through. */
const askToOpen = async (command: Command, body: OpenRequest, { note }: Pick<Shared, 'note'>) => {
  const { make, stage, options, vending } = settingOf(command.optsWithGlobals<Global>())
  const { open, openingClients } = await import('./openings.ts')
  const slow = setTimeout(() => note('Looking for the address among all accounts of the organization …'), 5000)
  try {
    return await open(openingClients(make), { body, stage, options, vending: await vending() })
  } finally {
    clearTimeout(slow)
  }
}

/** Adds the commands about accounts that are opened. */
export const addOpeningCommands = (program: Command, shared: Shared) => {
  const { answer, more } = shared
  program
    .command('open')
    .description('open a new account, and give it its first administrators')
    .argument('[name]', 'the name of the account')
    .argument('[email]', 'the address of the account, which no other AWS account has')
    .option('--ou <UNIT>', 'the organizational unit: its ID, or its path like Workloads/Sandbox (default: the root)')
    .option('--tag <KEY=VALUE>', 'a tag of the account; can be repeated', more)
    .option('--admin <NAME=EMAIL>', 'an administrator, with or without an address; can be repeated', more)
    .option('--file <FILE>', 'a request as JSON, as the API takes it (docs/api.md)')
    .option('--wait', 'follow the opening until the account is vended')
    .addHelpText(
      'after',
      '\nThe command starts nothing if vending.yml or the organization refuses the request. The same command' +
        '\nagain never opens a second account: it continues a request that failed.' +
        '\n\nExit codes: 0 requested (with --wait: vended), 1 not requested (with --wait: failed or declined),' +
        '\n2 a mistake in the command, 130 Ctrl-C (the opening goes on).',
    )
    .action(
      async (
        name: string | undefined,
        email: string | undefined,
        { wait, ...asked }: AskedToOpen & { wait?: boolean },
        command: Command,
      ) => {
        const { json, options } = settingOf(command.optsWithGlobals<Global>())
        const { openRequestOf } = await import('./open-options.ts')
        const opened = await askToOpen(command, openRequestOf({ name, email }, asked), shared)
        if (wait) return followOpening(command, opened.requestId, shared, opened.executionArn)
        const { showAsked } = await import('./openings.ts')
        answer(json, opened, () => showAsked(opened, options))
      },
    )

  program
    .command('requests')
    .description('list the requests for accounts that are not vended yet')
    .addHelpText('after', '\nExit codes: 0 listed, 1 AWS refused, 2 a mistake in the command.')
    .action(async (_, command: Command) => {
      const { make, stage, json } = settingOf(command.optsWithGlobals<Global>())
      const [{ requests, showRequests }, { serviceClients }] = await Promise.all([
        import('./openings.ts'),
        import('./service.ts'),
      ])
      const open = await requests(serviceClients(make), { stage })
      answer(json, open, () => showRequests(open, make.now(), process.stdout.isTTY ? width : Infinity))
    })

  for (const decision of ['approve', 'decline'] as const) {
    const command = program
      .command(decision)
      .description(
        decision === 'approve'
          ? 'approve a request for an account: the account is opened'
          : 'decline a request for an account: nothing is opened',
      )
      .argument('<request>', 'ID of the request: 32 hexadecimal digits', requestId)
    if (decision === 'decline') command.option('--reason <TEXT>', 'why, for the person who asked')
    command
      .addHelpText(
        'after',
        '\nThe first decision counts. The ledger records your ARN.' +
          `\n\nExit codes: 0 ${decision}d, 1 not ${decision}d, 2 a mistake in the command.`,
      )
      .action(async (requestId: string, { reason }: { reason?: string }, command: Command) => {
        const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
        const { decide, openingClients } = await import('./openings.ts')
        const asked = { requestId, stage, decision, ...(reason !== undefined && { reason }) }
        const decided = await decide(openingClients(make), asked)
        answer(json, decided, () =>
          decision === 'approve'
            ? `Approved. The account is being opened. Follow it: npx vend status ${requestId} --watch${options}`
            : 'Declined. Nothing is opened.',
        )
      })
  }
}
