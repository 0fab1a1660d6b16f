import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { parseArgs, styleText } from 'node:util'
import Table from 'cli-table3'
import { breaker } from './break.ts'
import { defaultSpeed, type LocalOrganization, startOrganization } from './start-organization.ts'
import type { Progress } from './aws/step-functions.ts'
import {
  accountNamed,
  accountOfExecution,
  addressOf,
  createAccount,
  ensureAccount,
  type Input,
  readInput,
  report,
  type Vend,
  vend,
} from './vend.ts'

const firstPort = 4680
const usage = `Usage: npm start -- [options]

Brings up a local AWS organization, vends an account through each door, and shows it all on a page until Ctrl-C.

  --once           end when all is vended, without the page
  --json           print one JSON document on stdout, everything else on stderr, and end
  --port N         serve the page on 127.0.0.1:N (${firstPort} if left out), AWS's endpoint on N+1, the API on N+2
  --event FILE     vend just this instead; may be given several times. FILE holds an EventBridge event, a manual
                   input like {"accountId":"444455556666"}, or an API request {method, path, headers, body}
  --strict         do not add the accounts that a FILE names
  --config FILE    use another vending.yml
  --help           show this
`

/** A mistake of the person at the keyboard: a sentence, not a stack trace. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        port: { type: 'string', default: String(firstPort) },
        event: { type: 'string', multiple: true, default: [] },
        strict: { type: 'boolean', default: false },
        config: { type: 'string', default: path.join(import.meta.dirname, '..', 'vending.yml') },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
  }
}

const readInputFile = (file: string): Input => {
  try {
    // npm runs in the project's folder, whatever folder the person is in.
    const text = readFileSync(path.resolve(process.env['INIT_CWD'] ?? '', file), 'utf8')
    JSON.parse(text)
    return readInput(text)
  } catch (error) {
    throw new UsageError(`--event ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The ports of the page, AWS's endpoint and the API, if they are free. */
const freePorts = async (first: string) => {
  const page = Number(first)
  if (!Number.isInteger(page) || page < 1 || page > 65_533)
    throw new UsageError(`--port ${first}: must be a number from 1 to 65533`)
  for (const port of [page, page + 1, page + 2]) {
    const server = createServer()
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve)).catch(
      (error: NodeJS.ErrnoException) => {
        throw new UsageError(
          error.code === 'EADDRINUSE'
            ? `Port ${port} is in use, perhaps by another npm start. Choose another: npm start -- --port ${page + 10}`
            : `Port ${port} cannot be opened: ${error.message}`,
        )
      },
    )
    await new Promise((resolve) => server.close(resolve))
  }
  return { page, endpoint: page + 1, api: page + 2 }
}

const run = async () => {
  const options = readOptions()
  if (options.help) return process.stdout.write(usage)
  const inputs = options.event.map(readInputFile)
  const say = (text: string) => (options.json ? process.stderr : process.stdout).write(`${text}\n`)

  const config = path.resolve(process.env['INIT_CWD'] ?? '', options.config)
  if (!existsSync(config)) throw new UsageError(`--config ${options.config}: there is no such file`)
  const ports = options.once || options.json ? undefined : await freePorts(options.port)
  const breaks = breaker()
  const organization = await startOrganization({
    vendingFile: config,
    staleness: 0.2,
    ...(ports && { ports }),
    intercept: breaks.intercept,
    onProgress: (progress) => say(line(progress, (ports && accountOfExecution(progress.execution)) ?? '')),
    onDeadLetter: (_, error) =>
      say(
        styleText(
          'red',
          `A failure could not be reported (${String(error)}). Its event waits in the dead-letter queue: npx vend --local replay.`,
        ),
      ),
  }).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  })
  say(
    `A local AWS organization is up: management account ${organization.world.managementAccountId}, ` +
      `${organization.world.accounts.size - 1} member accounts.\n` +
      styleText('yellow', `Its pauses run on a compressed clock: ${defaultSpeed} seconds pass in one.`) +
      '\nLike AWS it is not ready at once: a new account’s role refuses for a while, and IAM forgets what was just made.\n' +
      'What fails (✘) for such a reason is tried again (↻).',
  )
  if (ports) await stayUp(organization, breaks, ports.page, say)
  const vends: Vend[] = []
  try {
    if (inputs.length) {
      for (const [i, input] of inputs.entries()) {
        say(`\n${styleText('bold', `Through the ${input.door} door:`)} ${options.event[i]}`)
        const accountId = accountNamed(input, organization.world.managementAccountId)
        if (accountId && !options.strict) ensureAccount(organization, accountId)
        vends.push(await vend(organization, input))
      }
    } else {
      vends.push(...(await threeDoors(organization, say)))
    }
  } finally {
    if (!ports) await organization.close()
  }

  const notices = vends.flatMap(({ notices }) => notices)
  if (options.json)
    process.stdout.write(
      `${JSON.stringify({ vends: vends.map(({ notices: _, ...vend }) => vend), notices }, null, 2)}\n`,
    )
  else say(`\n${table(vends, organization.world.managementAccountId)}`)
  for (const { door, execution, response, matched } of vends) {
    if (door === 'event' && !matched)
      say(
        styleText('yellow', 'No rule took an event: ') +
          `with automatic: ${organization.vending.automatic} in vending.yml, other events are left alone.`,
      )
    if (execution?.error) say(styleText('red', `${execution.error}: ${execution.cause}`))
    if (response && response.status >= 400)
      say(styleText('red', `HTTP ${response.status}: ${JSON.stringify(response.body)}`))
  }
  for (const { subject, to } of notices) say(styleText('red', `Failure notice to ${to.join(', ')}: ${subject}`))
  if (ports) return say(`\nSee it all on http://127.0.0.1:${ports.page}, and set more off there. Ctrl-C ends it.`)
  const failed = vends.filter(
    ({ execution, response }) =>
      (execution && execution.status !== 'SUCCEEDED') || (response && response.status >= 400),
  )
  // Without files of their own, each door must have vended: an early end state would be a failure of this service.
  const missed = inputs.length ? [] : vends.filter(({ execution }) => outcome(execution) !== 'Vended')
  process.exitCode = failed.length || missed.length ? 1 : 0
}

/** Serves the page, and ends everything when it is told to. */
const stayUp = async (
  organization: LocalOrganization,
  { attach, newAccount }: ReturnType<typeof breaker>,
  port: number,
  say: (text: string) => void,
) => {
  attach(organization)
  // What draws and builds the page is large: --once does without.
  const { servePage } = await import('./serve-page.ts')
  const page = await servePage(organization, { port, newAccount })
  say(`\n${styleText('bold', `See it on ${page.url}`)} (Ctrl-C ends it)`)
  const end = async () => {
    await page.close()
    await organization.close()
    // Executions that were under way end with the process.
    process.exit(0)
  }
  process.once('SIGINT', () => void end())
  process.once('SIGTERM', () => void end())
  // npm does not hand a signal that it gets alone on to its child.
  const parent = process.ppid
  if (process.env['npm_lifecycle_event']) setInterval(() => process.ppid !== parent && void end(), 1000).unref()
}

const threeDoors = async (organization: LocalOrganization, say: (text: string) => void): Promise<Vend[]> => {
  const { vending } = organization
  say(
    `\n${styleText('bold', 'Through the event door:')} ${vending.automatic === 'organizations' ? 'Organizations creates an account and says so' : 'Control Tower says that an account is ready'}`,
  )
  const byEvent = await (vending.automatic === 'organizations'
    ? createdAccount(organization)
    : managedAccount(organization))

  say(`\n${styleText('bold', 'Through the manual door:')} somebody starts an execution`)
  ensureAccount(organization, '777788889999', 'Website')
  const manual = await vend(organization, { door: 'manual', input: '{"accountId":"777788889999"}' })

  say(`\n${styleText('bold', 'Through the API door:')} a signed POST /accounts/888899990000/admins`)
  ensureAccount(organization, '888899990000', 'Research')
  const byApi = await vend(organization, {
    door: 'api',
    request: {
      method: 'POST',
      path: '/accounts/888899990000/admins',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'first-request' },
      body: JSON.stringify({
        admins: [
          { userName: 'ada', email: addressOf(vending, 'ada') },
          { userName: 'grace', email: addressOf(vending, 'grace') },
        ],
      }),
    },
  })
  return [byEvent, manual, byApi]
}

/** An account that Organizations creates, as it happens: the event is its own. */
const createdAccount = async (organization: LocalOrganization) => {
  const { world, vending } = organization
  const [calls, mails] = [world.calls.length, (await organization.mails()).length]
  const accountId = await createAccount(organization, 'Payments', addressOf(vending, 'payments'))
  await organization.settled()
  const event = organization.events.find(
    (event) => accountNamed({ door: 'event', event }, world.managementAccountId) === accountId,
  )
  return report(organization, {
    input: { door: 'event', event },
    matched: event !== undefined,
    response: null,
    execution:
      [...organization.executions.values()].find((execution) => accountOfExecution(execution) === accountId) ?? null,
    calls: world.calls.slice(calls),
    mails: (await organization.mails()).slice(mails),
  })
}

/** An account that Control Tower made: the local organization has none, so its event is put. */
const managedAccount = (organization: LocalOrganization) => {
  ensureAccount(organization, '444455556666', 'Payments')
  const sample = path.join(import.meta.dirname, '..', 'test', 'samples', 'create-managed-account-succeeded.json')
  return vend(organization, readInput(readFileSync(sample, 'utf8')))
}

/** A line of progress; with `accountId`, whose it is: on the page several can be set off at once. */
const line = ({ state, index, what, error }: Progress, accountId = '') => {
  const name = `${accountId && styleText('dim', `${accountId} `)}${index === undefined ? '' : '  '}${state}${index === undefined ? '' : ` [${index}]`}`
  if (what === 'entered') return `  ${styleText('cyan', '▸')} ${name}`
  if (what === 'succeeded') return `  ${styleText('green', '✔')} ${name}`
  if (what === 'failed') return `  ${styleText('red', '✘')} ${name}  ${styleText('dim', error ?? '')}`
  return `  ${styleText('yellow', '↻')} ${name}  ${styleText('dim', 'tries again')}`
}

const outcome = (execution: Vend['execution']) => (execution?.output as { outcome?: string } | null)?.outcome

/** Account, group, user, where the password lies, and who got which mail. */
const table = (vends: Vend[], managementAccountId: string) => {
  const rows = new Table({
    head: ['Account', 'Groups', 'Users', 'Password', 'Mail'].map((title) => styleText('bold', title)),
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [16, 16, 17, 18, 24],
  })
  for (const { door, accountId, execution, response, matched, groups, users, secrets, mails } of vends) {
    const ended =
      outcome(execution) ??
      (execution ? 'failed' : response ? `HTTP ${response.status}` : matched ? 'reported' : 'no rule took it')
    rows.push([
      [accountId ?? '–', `by ${door}`, ended].join('\n').trim(),
      groups.map(({ name }) => name).join('\n'),
      users.map(({ name, kept }) => (kept ? `${name} (kept)` : name)).join('\n'),
      secrets.map(({ name }) => name.replaceAll('/', '/\n')).join('\n'),
      mails.map(({ to, subject }) => `${to.join(', ')}:\n${subject.replace(/ \(\d{12}\)/, '')}`).join('\n'),
    ])
  }
  const passwords = vends.some(({ secrets }) => secrets.length)
  return `${rows.toString()}${passwords ? `\nThe passwords are in Secrets Manager of the management account, ${managementAccountId}.` : ''}`
}

// `npm start | head` closes the pipe early.
process.stdout.on('error', () => process.exit())

try {
  await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
