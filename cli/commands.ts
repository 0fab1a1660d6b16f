import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { styleText } from 'node:util'
import { exitCodeOf, sayError, UsageError } from './command-errors.ts'
import type { Asked } from './request-options.ts'
import { fileOf, type Global, localPort, settingOf } from './setting.ts'
import { width, wrap } from './show.ts'

// Each command loads what it needs when it runs: help and mistakes are told at once.

/** How an account's vend can stand. */
const statuses = ['NOT_VENDED', 'VENDING', 'VENDED', 'FAILED', 'DEPARTED', 'CLOSED']

const { version } = JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
  version: string
}

const program = new Command('vend')
  .version(version)
  .description('The operator’s command of account-vending: first administrators for new AWS accounts.')
  .option('--stage <STAGE>', 'the deployed stage (default: prod)')
  .option('--region <REGION>', 'the service’s Region (default: as for every AWS tool, from AWS_REGION or the profile)')
  .option('--endpoint-url <URL>', 'another AWS than the real one (AWS_ENDPOINT_URL is heeded too)')
  .option('--local [PORT]', `the organization of a running npm start, on port ${localPort} or another`)
  .option('--config <FILE>', 'another vending.yml than this folder’s')
  .option('--json', 'print one JSON document on stdout, for programs; it never holds a password')
  .addHelpText(
    'after',
    `
Credentials are found as every AWS tool finds them: environment, AWS_PROFILE, single sign-on.

Exit codes:
  0  it is as it should be: may deploy, would succeed, started, vended, written
  1  it is not, or AWS refused; the reason is on stderr or in the answer
  2  a mistake in the command, its files or its input

Examples:
  npx vend doctor --region us-east-1
  npx vend plan 444455556666 --admin ada=ada@example.com
  npx vend start 444455556666 --wait
  npx vend list --status FAILED
  npx vend csv 444455556666`,
  )
  .showHelpAfterError('(npx vend --help tells more)')
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .configureOutput({ getOutHelpWidth: () => width, getErrHelpWidth: () => width })

const accountId = (text: string) => {
  if (!/^\d{12}$/.test(text)) throw new InvalidArgumentError('An account id is 12 digits.')
  return text
}
const more = (text: string, before: string[] = []) => [...before, text]

const out = (text: string) => void process.stdout.write(`${text}\n`)
const note = (text: string) => void process.stderr.write(`${text}\n`)
const answer = (json: boolean, data: unknown, text: () => string) => out(json ? JSON.stringify(data, null, 2) : text())

// doctor

program
  .command('doctor')
  .description('look whether the service may be deployed here, and would work; each finding has its remedy')
  .addHelpText(
    'after',
    '\nExit codes: 0 may deploy (perhaps with warnings, !), 1 must not (✘), 2 a mistake in the command.',
  )
  .action(async (_, command: Command) => {
    const { clients, stage, json, vending } = await settingOf(command.optsWithGlobals<Global>())
    const { doctor, showDiagnosis } = await import('./doctor.ts')
    const diagnosis = await doctor(clients, { stage, vending: await vending() })
    answer(json, diagnosis, () => showDiagnosis(diagnosis))
    process.exitCode = diagnosis.mayDeploy ? 0 : 1
  })

// plan and start: what can be asked for

const asking = (command: Command) =>
  command
    .argument('<account>', 'id of the account: 12 digits', accountId)
    .option('--file <FILE>', 'a request as JSON: admins, groups (README: What can be asked for)')
    .option('--admin <NAME=EMAIL>', 'an administrator, the address may be left out; may be given several times', more)
    .option('--again', 'look into the account even if all is on record, and make again what is gone')

asking(program.command('plan'))
  .description('tell what a vend would make, keep, refuse and mail, and why, without changing anything')
  .addHelpText(
    'after',
    `
It reads the organization, the ledger and the account itself, in a session that may only read, and
decides by the workflow’s own code and this folder’s vending.yml. FILE may also hold an event.

Exit codes: 0 a vend would succeed, 1 it would be refused, 2 a mistake in the command.`,
  )
  .action(async (accountId: string, asked: Asked, command: Command) => {
    const { clients, stage, json, vending } = await settingOf(command.optsWithGlobals<Global>())
    const { requestOrEventOf } = await import('./request-options.ts')
    const request = requestOrEventOf(accountId, asked)
    const { plan, showPlan } = await import('./plan.ts')
    const planned = await plan(clients, {
      accountId,
      request,
      stage,
      vending: await vending(),
    })
    answer(json, planned, () => showPlan(planned))
    process.exitCode = planned.wouldSucceed ? 0 : 1
  })

asking(program.command('start'))
  .description('start a vend by hand; you are put on record as who asked')
  .option('--wait', 'follow it until it ends')
  .addHelpText(
    'after',
    '\nWhat this folder’s vending.yml or the organization refuses is not started.' +
      '\n\nExit codes: 0 started (with --wait: vended, or nothing was left to do), 1 not, 2 a mistake.',
  )
  .action(async (accountId: string, { wait, ...asked }: Asked & { wait?: boolean }, command: Command) => {
    const { clients, stage, json, options, vending } = await settingOf(command.optsWithGlobals<Global>())
    const { requestOf } = await import('./request-options.ts')
    const request = requestOf(accountId, asked)
    const { start } = await import('./start.ts')
    const started = await start(clients, { accountId, stage, request, vending: await vending() })
    if (wait) return follow(command, { accountId, executionArn: started.executionArn })
    answer(
      json,
      started,
      () => `Started ${started.executionArn}\nFollow it: npx vend status ${accountId} --watch${options}`,
    )
  })

// status

const ended = ['VENDED', 'AlreadyVended', 'AlreadyInProgress', 'NotNew']

/** Follows a vend, and ends with its exit code. */
const follow = async (command: Command, asked: { accountId: string; executionArn?: string }) => {
  const { clients, stage, json, options } = await settingOf(command.optsWithGlobals<Global>())
  const { showStatus, showStep, watch } = await import('./status.ts')
  const account = await watch(clients, { ...asked, stage, options }, (step, isAgain) =>
    json ? undefined : out(showStep(step, isAgain)),
  )
  answer(json, account, () => `\n${showStatus(account, { withSteps: false })}`)
  if (account.status === 'VENDING')
    note(`It is still running after an hour. Go on watching: npx vend status ${account.accountId} --watch${options}`)
  process.exitCode = ended.includes(account.status) ? 0 : 1
}

program
  .command('status')
  .description('tell how an account stands: steps with their times, who was made and mailed, a failure in words')
  .argument('<account>', 'id of the account: 12 digits', accountId)
  .option('--watch', 'follow until the vend ends, an hour at most')
  .addHelpText(
    'after',
    '\nExit codes: 0 vended (without --watch also under way, or never vended), 1 failed, 2 a mistake.',
  )
  .action(async (accountId: string, { watch: follows }: { watch?: boolean }, command: Command) => {
    if (follows) return follow(command, { accountId })
    const { clients, stage, json, options } = await settingOf(command.optsWithGlobals<Global>())
    const { showStatus, status } = await import('./status.ts')
    const account = await status(clients, { accountId, stage, options })
    answer(json, account, () => showStatus(account, { withSteps: true }))
    process.exitCode = account.status === 'FAILED' ? 1 : 0
  })

// list

program
  .command('list')
  .description('list all accounts of the organization, each with how its vend stands')
  .option('--status <STATUS>', `only these: ${statuses.join(', ')}; may be given several times`, more)
  .addHelpText('after', '\nExit codes: 0 listed, 1 AWS refused, 2 a mistake in the command.')
  .action(async ({ status: wanted = [] }: { status?: string[] }, command: Command) => {
    const only = wanted.flatMap((text) => text.toUpperCase().replaceAll('-', '_').split(','))
    const unknown = only.find((status) => !statuses.includes(status))
    if (unknown) throw new UsageError(`--status ${unknown}: must be one of ${statuses.join(', ')}.`)
    const { clients, stage, json, vending } = await settingOf(command.optsWithGlobals<Global>())
    const { list, showList } = await import('./list.ts')
    const showsProgress = process.stderr.isTTY
    const accounts = await list(clients, { stage, status: only, vending: await vending() }, (count) => {
      if (showsProgress) process.stderr.write(`\r${count} accounts read …`)
    })
    if (showsProgress) process.stderr.write('\r\u001b[K')
    answer(json, accounts, () => showList(accounts))
  })

// redrive

program
  .command('redrive')
  .description('let a failed vend go on at the step that failed')
  .argument('<account|execution-arn>', 'id of the account, or ARN of the execution', (text) => {
    if (!/^(\d{12}|arn:[\w-]+:states:[\w-]+:\d{12}:execution:.+)$/.test(text))
      throw new InvalidArgumentError('It takes an account id (12 digits) or the ARN of an execution.')
    return text
  })
  .option('--wait', 'follow it until it ends')
  .addHelpText(
    'after',
    '\nWhere going on cannot help (say, a wrong request), it says so, and which command does.' +
      '\n\nExit codes: 0 redriven (with --wait: vended), 1 not, 2 a mistake in the command.',
  )
  .action(async (target: string, { wait }: { wait?: boolean }, command: Command) => {
    const { clients, stage, json, options } = await settingOf(command.optsWithGlobals<Global>())
    const { redrive } = await import('./redrive.ts')
    const redriven = await redrive(clients, { target, stage, options }, (text) => note(wrap(text)))
    if (wait && /^\d+$/.test(redriven.accountId)) return follow(command, redriven)
    answer(
      json,
      redriven,
      () => `Goes on: ${redriven.executionArn}\nFollow it: npx vend status ${redriven.accountId} --watch${options}`,
    )
  })

// replay

program
  .command('replay')
  .description('do again what the dead letters were about: start the workflow, report a failure, sweep')
  .option('--dry-run', 'list them, and leave them as they are')
  .option('--limit <COUNT>', 'at most so many, 1 to 1000 (default: 100)', (text) => {
    if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > 1000)
      throw new InvalidArgumentError('It is a number from 1 to 1000.')
    return Number(text)
  })
  .addHelpText(
    'after',
    `
A message is deleted once its replay succeeded; nothing is made twice by it. First mend what the alarm
was about, then replay.

Exit codes: 0 all done (with --dry-run: listed), 1 one failed and was kept, 2 a mistake in the command.`,
  )
  .action(async ({ dryRun = false, limit = 100 }: { dryRun?: boolean; limit?: number }, command: Command) => {
    const { clients, stage, json } = await settingOf(command.optsWithGlobals<Global>())
    const { replay, showReplayed } = await import('./replay.ts')
    const letters = await replay(clients, { stage, dryRun, limit })
    answer(json, letters, () => showReplayed(letters, { limit }))
    process.exitCode = letters.some(({ outcome }) => outcome === 'failed') ? 1 : 0
  })

// csv

program
  .command('csv')
  .description('write the credentials file, as IAM’s console does: user name, password, sign-in URL')
  .argument('<account>', 'id of the account: 12 digits', accountId)
  .argument('[user]', 'this user only: that takes secretsmanager:GetSecretValue and kms:Decrypt, and nothing else')
  .option('--output <FILE>', 'write there; - is stdout, if that is no terminal (default: ACCOUNT_credentials.csv)')
  .option('--stdout', 'print it, even on a terminal')
  .option('--force', 'replace a file that is there')
  .addHelpText(
    'after',
    `
The file can be read by you alone (mode 600). Delete it once the password is handed over.

Exit codes: 0 written, 1 not, or not for every user, 2 a mistake in the command.`,
  )
  .action(
    async (
      accountId: string,
      userName: string | undefined,
      { output, stdout, force }: { output?: string; stdout?: boolean; force?: boolean },
      command: Command,
    ) => {
      const { clients, stage, json, options } = await settingOf(command.optsWithGlobals<Global>())
      const toStdout = stdout === true || output === '-'
      if (stdout && output !== undefined && output !== '-') throw new UsageError('Choose one of --stdout and --output.')
      if (toStdout && json) throw new UsageError('--json never holds a password: leave out either it or --stdout.')
      if (toStdout && !stdout && process.stdout.isTTY)
        throw new UsageError(
          'This is a terminal, which keeps what it shows. Name a file with --output, or insist with --stdout.',
        )
      const file = fileOf(output ?? `${accountId}_credentials.csv`)
      const { csv, writePrivately } = await import('./csv.ts')
      const { text, userNames, missing } = await csv(clients, { accountId, userName, stage, options })
      if (toStdout) process.stdout.write(text)
      else {
        writePrivately(file, text, { force: force === true })
        answer(
          json,
          { accountId, file, userNames, missing },
          () => `Written for ${userNames.join(', ')}: ${file}\nDelete it once the password is handed over.`,
        )
      }
      for (const { reason } of missing) note(wrap(reason))
      process.exitCode = missing.length ? 1 : 0
    },
  )

// `npx vend list | head` closes the pipe early.
process.stdout.on('error', () => process.exit())

// What follows --local is its port only if it is one: `vend --local list`.
const isPort = (word = '') => /^\d{1,5}$/.test(word)
const isCommand = (word: string) => word === 'help' || program.commands.some((command) => command.name() === word)
const notPort = process.argv.find(
  (word, i, all) =>
    all[i - 1] === '--local' && !all.slice(0, i).some(isCommand) && !/^(-.*|\d{1,5})$/.test(word) && !isCommand(word),
)
const words = process.argv.map((word, i, all) =>
  word === '--local' && !isPort(all[i + 1]) ? `--local=${localPort}` : word,
)

try {
  if (notPort !== undefined)
    throw new UsageError(
      `--local ${notPort}: PORT is a number, and ${notPort} is no command. It is npx vend --local [PORT] COMMAND.`,
    )
  await program.parseAsync(words)
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    note(styleText('red', wrap(sayError(error, program.opts<Global>())), { stream: process.stderr }))
    process.exitCode = exitCodeOf(error)
  }
}
