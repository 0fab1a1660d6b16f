import { styleText } from 'node:util'
import type { Execution } from './aws/step-functions-execution.ts'
import { breaker } from './break.ts'
import { accountNamed } from './input.ts'
import { ensureAccount } from './make-account.ts'
import { announce, jsonOf, printProblems, printTable, progressLine, type Say } from './print-vends.ts'
import { accountOfExecution, nameOpened, outcomeOf } from './read-execution.ts'
import { hasFailed, type VendReport } from './report-vend.ts'
import { defaultSpeed, type LocalOrganization, startOrganization } from './start-organization.ts'
import { readOptions, usage, UsageError } from './start-options.ts'
import { vendThroughThreeDoors } from './three-doors.ts'
import { vend } from './vend-input.ts'

type Options = NonNullable<Awaited<ReturnType<typeof readOptions>>>

/** How a line of progress names the account: by its id, or by its name as long as the account is not open. */
const accountShown = (execution: Execution) => accountOfExecution(execution) ?? nameOpened(execution) ?? ''

const start = async ({ vendingFile, ports }: Options, breaks: ReturnType<typeof breaker>, say: Say) => {
  const organization = await startOrganization({
    vendingFile,
    staleness: 0.2,
    ...(ports && { ports }),
    intercept: breaks.intercept,
    onProgress: (progress) => say(progressLine(progress, ports ? accountShown(progress.execution) : '')),
    onDeadLetter: (_, error) =>
      say(
        styleText(
          'red',
          `A failure could not be reported (${String(error)}). ` +
            'Its event is in the dead-letter queue.' +
            // Without the page, the organization ends with this command.
            (ports ? ` To retry: npx vend replay --local ${ports.endpoint}` : ''),
        ),
      ),
  }).catch((error: unknown) => {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  })
  const { accounts, managementAccountId } = organization.world
  say(
    'A local AWS organization is running: ' +
      `management account ${managementAccountId}, ${accounts.size - 1} member accounts.\n` +
      styleText('yellow', `Time runs ${defaultSpeed} times faster here.`) +
      '\nAs on AWS, a new account’s role cannot be assumed at first, and IAM does not always return what was just created.' +
      '\nA step that fails (✘) for such a reason is retried (↻).',
  )
  return organization
}

const vendAll = async (organization: LocalOrganization, { inputs, strict }: Options, say: Say) => {
  if (!inputs.length) return vendThroughThreeDoors(organization, say)
  const vends: VendReport[] = []
  for (const { file, input } of inputs) {
    say(announce(input.door, file))
    const accountId = accountNamed(input, organization.world.managementAccountId)
    if (accountId && !strict)
      ensureAccount(organization, accountId, undefined, input.door === 'event' ? input.event : undefined)
    vends.push(await vend(organization, input))
  }
  return vends
}

/** Serves the page until Ctrl-C, which ends the process. */
const stayUp = async (organization: LocalOrganization, breaks: ReturnType<typeof breaker>, port: number, say: Say) => {
  breaks.attach(organization)
  // Only the page needs these large modules, so --once does not load them.
  const { servePage } = await import('./serve-page.ts')
  const page = await servePage(organization, { port, breaks })
  say(`\n${styleText('bold', `The page is on ${page.url}`)} (press Ctrl-C to end)`)
  const end = async () => {
    await page.close()
    await organization.close()
    // Do not wait for executions that are still running.
    process.exit(0)
  }
  process.once('SIGINT', () => void end())
  process.once('SIGTERM', () => void end())
  // npm does not pass on a signal that only npm itself gets, so check whether npm has ended.
  const parent = process.ppid
  if (process.env['npm_lifecycle_event']) setInterval(() => process.ppid !== parent && void end(), 1000).unref()
}

const run = async () => {
  const options = await readOptions()
  if (!options) return process.stdout.write(usage)
  const { json, ports, inputs } = options
  const say = (text: string) => (json ? process.stderr : process.stdout).write(`${text}\n`)
  const breaks = breaker()
  const organization = await start(options, breaks, say)
  if (ports) await stayUp(organization, breaks, ports.page, say)
  const vends = await vendAll(organization, options, say).finally(() => (ports ? undefined : organization.close()))

  if (json) process.stdout.write(`${jsonOf(vends)}\n`)
  else printTable(organization, vends, say)
  printProblems(organization, vends, say)
  if (ports)
    return say(`\nEverything is on http://127.0.0.1:${ports.page}, where you can start more. Press Ctrl-C to end.`)
  // The three doors must end as Vended: any other outcome is a failure of this service.
  const missed = inputs.length ? [] : vends.filter(({ execution }) => !execution || outcomeOf(execution) !== 'Vended')
  process.exitCode = vends.some(hasFailed) || missed.length ? 1 : 0
}

// `npm start | head` closes the pipe before the program ends.
process.stdout.on('error', () => process.exit())

try {
  await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 2
}
