import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { styleText } from 'node:util'
import packageFile from '../package.json' with { type: 'json' }
import { exitCodeOf, sayError, UsageError } from './command-errors.ts'
import { addBackfillCommand } from './backfill-command.ts'
import { addCompletion, completionDescription } from './completion.ts'
import { addCsvCommand } from './csv-command.ts'
import type { Asked } from './request-options.ts'
import type { Status } from './status.ts'
import { addDriftCommand } from './drift-command.ts'
import { addInitCommand } from './init-command.ts'
import { liveLine } from './live-line.ts'
import { addLinkCommands } from './link-commands.ts'
import { addListCommand } from './list-command.ts'
import { addOpeningCommands, followOpening, redriveTarget, showOpeningOf, statusTarget } from './opening-commands.ts'
import { addRemoveCommand } from './remove-command.ts'
import { addRoundCommand, followRoundIn } from './round-command.ts'
import { type Global, localPort, settingOf } from './setting.ts'
import { width, wrap } from './show.ts'
import { addUiCommand } from './ui-command.ts'
import { addVerifyCommand } from './verify-command.ts'

// Each command loads what it needs when it runs, so that help and mistakes appear at once.

const program = new Command('vend')
  .version(packageFile.version)
  .description('The operator’s command for account-vending, which gives new AWS accounts their first administrators.')
  .option('--stage <STAGE>', 'the deployed stage (default: prod)')
  .option('--region <REGION>', 'the Region of the service (default: AWS_REGION, or the Region of your profile)')
  .option('--endpoint-url <URL>', 'the endpoint to call instead of AWS (or set AWS_ENDPOINT_URL)')
  .option('--local [PORT]', `call the local organization that npm start runs (default port: ${localPort})`)
  .option('--config <FILE>', 'another vending.yml (default: the vending.yml of the project)')
  .option(
    '--json [FIELDS]',
    'print one JSON document on stdout, for programs; it never contains a password (--json=accountId,status prints only these fields)',
  )
  .addHelpText(
    'after',
    `
The command finds credentials as the AWS CLI does: environment, AWS_PROFILE, IAM Identity Center.

Exit codes:
  0    success: you can deploy the service; the vend would succeed, was started or has finished;
       the file was written
  1    failure, or AWS refused a call; the output contains the reason
  2    a mistake in the command, its files or its input
  130  Ctrl-C; a vend that was started goes on

Examples:
  npx vend init --region us-east-1
  npx vend doctor --region us-east-1
  npx vend plan 444455556666 --admin ada=ada@example.com
  npx vend start 444455556666 --wait
  npx vend open Sandbox sandbox@example.com --ou Workloads/Sandbox --wait
  npx vend list --status FAILED
  npx vend backfill --ou Workloads
  npx vend round --wait
  npx vend links
  npx vend link 444455556666 ada --wait
  npx vend csv 444455556666`,
  )
  .showHelpAfterError('(see npx vend --help)')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ getOutHelpWidth: () => width, getErrHelpWidth: () => width })

const accountId = (text: string) => {
  if (!/^\d{12}$/.test(text)) throw new InvalidArgumentError('An account ID has 12 digits.')
  return text
}
const more = (text: string, before: string[] = []) => [...before, text]

const out = (text: string) => void process.stdout.write(`${text}\n`)
const note = (text: string) => void process.stderr.write(`${text}\n`)

/** The fields that `--json=accountId,status` names, of each entry of a list or of the one answer. */
const chosenOf = (data: unknown) => {
  const fields = program.opts<Global>().json
  if (!fields) return data
  const chosen = fields.split(',')
  const entries = (Array.isArray(data) ? data : [data]) as object[]
  const there = new Set(entries.flatMap((entry) => Object.keys(entry)))
  const missing = chosen.filter((field) => !there.has(field))
  if (missing.length && entries.length)
    note(`There is no ${missing.join(' and no ')} here. The fields are: ${[...there].join(', ')}.`)
  const pick = (entry: object) => Object.fromEntries(Object.entries(entry).filter(([field]) => chosen.includes(field)))
  return Array.isArray(data) ? entries.map(pick) : pick(data as object)
}
const answer = (json: boolean, data: unknown, text: () => string) =>
  out(json ? JSON.stringify(chosenOf(data), null, 2) : text())

// init

addInitCommand(program, { answer, note, more })

// doctor

program
  .command('doctor')
  .description('check whether you can deploy the service here and whether it would work; show how to fix each problem')
  .addHelpText(
    'after',
    '\nExit codes: 0 you can deploy the service (! marks a warning), 1 you cannot (✘ marks a reason),\n2 a mistake in the command.',
  )
  .action(async (_, command: Command) => {
    const { make, stage, json, vending } = settingOf(command.optsWithGlobals<Global>())
    const [{ doctor, showDiagnosis }, { doctorClients }] = await Promise.all([
      import('./doctor.ts'),
      import('./doctor-context.ts'),
    ])
    const diagnosis = await doctor(doctorClients(make), { stage, vending: await vending() })
    answer(json, diagnosis, () => showDiagnosis(diagnosis))
    process.exitCode = diagnosis.mayDeploy ? 0 : 1
  })

// plan and start: what can be requested

const asking = (command: Command) =>
  command
    .argument('<account>', 'ID of the account: 12 digits', accountId)
    .option('--file <FILE>', 'a request as JSON: admins, groups (docs/requests.md)')
    .option('--admin <NAME=EMAIL>', 'an administrator, with or without an address; can be repeated', more)
    .option('--again', 'the vend creates what is missing in the account even if the ledger says that nothing is')

asking(program.command('plan'))
  .description('show what a vend would create, keep, refuse and mail, and why, without changing anything')
  .addHelpText(
    'after',
    `
The plan reads the organization, the ledger and the account itself, in a read-only session. The
plan runs the code of the workflow with the vending.yml of the project. FILE can also contain an
event.

Exit codes: 0 the vend would succeed, 1 the vend would be refused, 2 a mistake in the command.`,
  )
  .action(async (accountId: string, asked: Asked, command: Command) => {
    const { make, stage, json, vending } = settingOf(command.optsWithGlobals<Global>())
    const { requestOrEventOf } = await import('./request-options.ts')
    const request = requestOrEventOf(accountId, asked)
    const { plan, showPlan, planClients } = await import('./plan.ts')
    const planned = await plan(planClients(make), {
      accountId,
      request,
      stage,
      vending: await vending(),
    })
    answer(json, planned, () => showPlan(planned))
    process.exitCode = planned.wouldSucceed ? 0 : 1
  })

asking(program.command('start'))
  .description('start a vend manually; the ledger records your ARN as the requester')
  .option('--wait', 'follow the vend until it ends')
  .addHelpText(
    'after',
    '\nThe command starts nothing if vending.yml or the organization refuses the request.' +
      '\n\nExit codes: 0 started (with --wait: vended, or nothing had to be done), 1 not started (with\n--wait: not started, or failed), 2 a mistake in the command, 130 Ctrl-C (the vend goes on).',
  )
  .action(async (accountId: string, { wait, ...asked }: Asked & { wait?: boolean }, command: Command) => {
    const { make, stage, json, options, vending } = settingOf(command.optsWithGlobals<Global>())
    const { requestOf } = await import('./request-options.ts')
    const request = requestOf(accountId, asked)
    const { start, startClients } = await import('./start.ts')
    const started = await start(startClients(make), { accountId, stage, request, vending: await vending() })
    if (wait) return follow(command, { accountId, executionArn: started.executionArn })
    answer(
      json,
      started,
      () => `Started ${started.executionArn}\nFollow it: npx vend status ${accountId} --watch${options}`,
    )
  })

// open, requests, approve, decline

addOpeningCommands(program, { answer, out, note, more })

// status

const ended = ['VENDED', 'AlreadyVended', 'AlreadyInProgress', 'NotNew', 'REMOVED', 'Removed', 'NothingToRemove']

const nameOf = (executionArn: string) => executionArn.split(':').at(-1)

/**
 * Follows a vend until it ends, and sets the exit code. `whyFailed` says what a vend that ended well did not do. Ctrl-C
 * ends only the following.
 */
const follow = async (
  command: Command,
  asked: { accountId: string; executionArn?: string },
  whyFailed: (account: Status) => string | undefined = () => undefined,
) => {
  const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
  let { executionArn } = asked
  process.once('SIGINT', () => {
    note(
      executionArn
        ? `\nThe vend goes on: execution ${nameOf(executionArn)}\nFollow it: npx vend status ${asked.accountId} --watch${options}`
        : '\nNothing was changed.',
    )
    // As a shell reports a program that Ctrl-C ended.
    process.exit(130)
  })
  const { showLatest, showStatus, showStep, statusClients, watch } = await import('./status.ts')
  const line = liveLine()
  let latest: { text: string; since: number } | undefined
  const ticker = setInterval(() => {
    if (latest) line.show(`${latest.text}, for ${Math.round((Date.now() - latest.since) / 1000)} s …`)
  }, 500)
  const account = await watch(
    statusClients(make),
    { ...asked, stage, options },
    (step, isAgain) => {
      line.clear()
      if (!json) out(showStep(step, isAgain))
    },
    (now) => {
      executionArn ??= now.executionArn
      const text = showLatest(now)
      if (text !== latest?.text) latest = { text, since: Date.now() }
    },
  ).finally(() => {
    clearInterval(ticker)
    line.clear()
  })
  answer(json, account, () => `\n${showStatus(account, { withSteps: false })}`)
  if (account.status === 'VENDING')
    note(
      `The vend is still running after an hour. Continue to follow it: npx vend status ${account.accountId} --watch${options}`,
    )
  const why = whyFailed(account)
  if (why) note(wrap(why))
  process.exitCode = ended.includes(account.status) && !why ? 0 : 1
}

program
  .command('status')
  .description(
    'show the status of an account: steps with their times, administrators, mails, and an explanation of a failure',
  )
  .argument(
    '<account|request|address>',
    'ID of the account (12 digits); for an account that is being opened, the ID of its request or its address',
    statusTarget,
  )
  .option('--watch', 'follow the vend until it ends, for an hour at most')
  .addHelpText(
    'after',
    '\nExit codes: 0 vended (without --watch: vended, in progress or not vended), 1 failed, 2 a mistake\nin the command, 130 Ctrl-C (the vend goes on).',
  )
  .action(async (target: string, { watch: follows }: { watch?: boolean }, command: Command) => {
    const accountId = /^\d{12}$/.test(target) ? target : undefined
    if (!accountId) return (follows ? followOpening : showOpeningOf)(command, target, { answer, out, note })
    if (follows) return follow(command, { accountId })
    const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
    const { showStatus, status, statusClients } = await import('./status.ts')
    const account = await status(statusClients(make), { accountId, stage, options })
    answer(json, account, () => showStatus(account, { withSteps: true }))
    process.exitCode = account.status === 'FAILED' ? 1 : 0
  })

// list

addListCommand(program, { more, answer })

// link, links

addLinkCommands(program, { accountId, answer, follow })

// backfill

addBackfillCommand(program, { answer, out, note })

// drift

addDriftCommand(program, { answer })

// remove

addRemoveCommand(program, { accountId, answer, out, note, follow })

// round

addRoundCommand(program, { answer, note })

// redrive

program
  .command('redrive')
  .description('redrive a failed vend, or a failed round, from the step that failed')
  .argument(
    '<target>',
    'ID of the account, or ARN of the execution; for an account that is being opened, the ID of its request or its address',
    redriveTarget,
  )
  .option('--wait', 'follow the vend until it ends')
  .addHelpText(
    'after',
    '\nA redrive uses the workflow definition that was deployed when the execution started, and the\nfunctions that are deployed now. To use the current definition, start the request again.' +
      '\n\nIf a redrive cannot help, for example after a wrong request, the output shows the command that can.' +
      '\n\nExit codes: 0 redriven (with --wait: vended), 1 not redriven (with --wait: not redriven, or\nfailed), 2 a mistake in the command, 130 Ctrl-C (the vend goes on).',
  )
  .action(async (target: string, { wait }: { wait?: boolean }, command: Command) => {
    const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
    const { redrive, redriveClients } = await import('./redrive.ts')
    const redriven = await redrive(redriveClients(make), { target, stage, options }, (text) => note(wrap(text)))
    if (wait && redriven.isRound) return followRoundIn(command, redriven.executionArn, { answer, note })
    if (wait && /^\d+$/.test(redriven.accountId)) return follow(command, redriven)
    if (wait && redriven.accountId.includes('@'))
      return followOpening(command, redriven.accountId, { answer, out, note })
    answer(
      json,
      redriven,
      () =>
        `Redriven, with the workflow definition that was deployed when the execution started: ${redriven.executionArn}\n` +
        `Follow it: npx vend ${redriven.isRound ? 'round --wait' : `status ${redriven.accountId} --watch`}${options}`,
    )
  })

// replay

program
  .command('replay')
  .description('retry the messages in the dead-letter queue')
  .option('--dry-run', 'only list the messages')
  .option('--limit <COUNT>', 'the maximum number of messages to retry, 1 to 1000 (default: 100)', (text) => {
    if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > 1000)
      throw new InvalidArgumentError('The number must be from 1 to 1000.')
    return Number(text)
  })
  .addHelpText(
    'after',
    `
A message is deleted when its retry has succeeded. A retry never creates anything twice.
First fix the reason why the messages failed (--dry-run shows the reason), then replay.

Exit codes: 0 all retries succeeded (with --dry-run: listed), 1 a retry failed and its message was
kept, 2 a mistake in the command.`,
  )
  .action(async ({ dryRun = false, limit = 100 }: { dryRun?: boolean; limit?: number }, command: Command) => {
    const { make, stage, json } = settingOf(command.optsWithGlobals<Global>())
    const { replay, showReplayed, replayClients } = await import('./replay.ts')
    const letters = await replay(replayClients(make), { stage, dryRun, limit })
    answer(json, letters, () => showReplayed(letters, { limit }))
    process.exitCode = letters.some(({ outcome }) => outcome === 'failed') ? 1 : 0
  })

// verify

addVerifyCommand(program, { answer, note })
addUiCommand(program, { note, out })

// csv

addCsvCommand(program, { accountId, answer, note })

// completion

const isCompletion = ['completion', 'complete'].includes(process.argv[2] ?? '')
// For the help only: loading the library takes as long as the help itself.
if (!isCompletion) program.command('completion <shell>').description(completionDescription)

// `vend list | head` closes the pipe early.
process.stdout.on('error', () => process.exit())

/**
 * In `vend --local list`, the word after --local is a command and not a port. Fields stand behind `--json=`, since the
 * word after --json is the command or one of its arguments.
 */
const withOptionalValues = (argv: string[]) => {
  const isPort = (word = '') => /^\d{1,5}$/.test(word)
  const isCommand = (word: string) => word === 'help' || program.commands.some((command) => command.name() === word)
  const wrong = argv.find(
    (word, i) =>
      argv[i - 1] === '--local' && !argv.slice(0, i).some(isCommand) && !/^-|^\d{1,5}$/.test(word) && !isCommand(word),
  )
  if (wrong !== undefined)
    throw new UsageError(
      `--local ${wrong}: ${wrong} is neither a port nor a command. The form is npx vend --local [PORT] COMMAND.`,
    )
  return argv.map((word, i) => {
    if (word === '--json') return '--json='
    return word === '--local' && !isPort(argv[i + 1]) ? `--local=${localPort}` : word
  })
}

const run = async () => {
  try {
    if (isCompletion) await addCompletion(program)
    for (const command of program.commands) command.showHelpAfterError(`(see npx vend ${command.name()} --help)`)
    await program.parseAsync(withOptionalValues(process.argv))
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
    else {
      note(styleText('red', wrap(sayError(error, program.opts<Global>())), { stream: process.stderr }))
      process.exitCode = exitCodeOf(error)
    }
  }
}

void run()
