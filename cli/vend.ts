import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { styleText } from 'node:util'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { accountOfEvent, isEvent } from '../functions/shared/event.ts'
import { manualRequest } from '../functions/shared/request.ts'
import { parseInput } from '../functions/shared/step.ts'
import { loadVending } from '../infra/vending.ts'
import { makeClients } from './clients.ts'
import { csv } from './csv.ts'
import { doctor, type Finding } from './doctor.ts'
import { exitCodeOf, sayError, UsageError } from './errors.ts'
import { list, statuses } from './list.ts'
import { type Plan, plan } from './plan.ts'
import { redrive } from './redrive.ts'
import { showTime, table, width, wrap } from './show.ts'
import { start } from './start.ts'
import { type Status, status, watch } from './status.ts'

type Global = {
  stage?: string
  region?: string
  endpointUrl?: string
  config?: string
  local?: string
  json?: boolean
}

const localPort = 4681
const localAccountId = '111122223333'

const program = new Command('vend')
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

// npm runs in the project's folder, whatever folder the person is in.
const fileOf = (file: string) => path.resolve(process.env['INIT_CWD'] ?? '', file)

const isLocal = (options: Global) => options.local !== undefined

/** What a command works with, as its global options say. */
const settingOf = (command: Command) => {
  const options = command.optsWithGlobals<Global>()
  if (options.local && options.endpointUrl)
    throw new UsageError('--local is an endpoint already: leave out one of --local and --endpoint-url.')
  const port = Number(options.local)
  if (isLocal(options) && !(Number.isInteger(port) && port > 0 && port < 65_536))
    throw new UsageError(`--local ${options.local}: a port is a number from 1 to 65535.`)
  if (options.endpointUrl && !URL.canParse(options.endpointUrl))
    throw new UsageError(`--endpoint-url ${options.endpointUrl}: must be a URL like http://127.0.0.1:4566.`)
  const stage = options.stage ?? (isLocal(options) ? 'local' : 'prod')
  if (!/^[a-z\d-]{1,40}$/i.test(stage)) throw new UsageError(`--stage ${stage}: must be letters, digits and hyphens.`)
  const clients = makeClients({
    region: options.region ?? (isLocal(options) ? 'us-east-1' : undefined),
    endpoint: isLocal(options) ? `http://127.0.0.1:${port}` : options.endpointUrl,
    // The local organization knows an account by a key id that is its own.
    credentials: isLocal(options) ? { accessKeyId: localAccountId, secretAccessKey: 'local' } : undefined,
  })
  const again = [
    ...(options.local ? [port === localPort ? '--local' : `--local ${port}`] : []),
    ...(options.stage ? [`--stage ${options.stage}`] : []),
    ...(options.region ? [`--region ${options.region}`] : []),
    ...(options.endpointUrl ? [`--endpoint-url ${options.endpointUrl}`] : []),
  ]
  return {
    stage,
    clients,
    json: options.json === true,
    /** For commands that are advised: what this one was given. */
    options: again.map((option) => ` ${option}`).join(''),
    vending: () => readVending(options.config),
  }
}

const readVending = (config: string | undefined) => {
  try {
    return loadVending(config ? fileOf(config) : path.join(import.meta.dirname, '..', 'vending.yml'))
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (isMissing) throw new UsageError(`--config ${config}: there is no such file.`)
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

const out = (text: string) => void process.stdout.write(`${text}\n`)
const note = (text: string) => void process.stderr.write(`${text}\n`)
const answer = (json: boolean, data: unknown, text: () => string) => out(json ? JSON.stringify(data, null, 2) : text())

// doctor

const marks = {
  ok: styleText('green', '✔'),
  warn: styleText('yellow', '!'),
  fail: styleText('red', '✘'),
}

const nameWidth = 28
const showFinding = ({ check, status, finding, remedy }: Finding) => {
  const indent = ' '.repeat(nameWidth)
  const said = wrap([finding, remedy && `→ ${remedy}`].filter(Boolean).join('\n'), indent).trimStart()
  return `${marks[status]} ${styleText('bold', check)}${' '.repeat(nameWidth - 2 - check.length)}${said}`
}

program
  .command('doctor')
  .description('look whether the service may be deployed here, and would work; each finding has its remedy')
  .addHelpText(
    'after',
    '\nExit codes: 0 may deploy (perhaps with warnings, !), 1 must not (✘), 2 a mistake in the command.',
  )
  .action(async (_, command: Command) => {
    const { clients, stage, json, vending } = settingOf(command)
    const diagnosis = await doctor(clients, { stage, vending: vending() })
    answer(json, diagnosis, () => {
      const { findings, mayDeploy } = diagnosis
      const count = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length
      const verdict = mayDeploy
        ? `May be deployed${count('warn') ? `; warnings: ${count('warn')}` : ''}.`
        : `Must not be deployed yet: ${count('fail')} of ${findings.length} checks failed.`
      return [...findings.map(showFinding), '', styleText('bold', verdict)].join('\n')
    })
    process.exitCode = diagnosis.mayDeploy ? 0 : 1
  })

// plan and start: what can be asked for

type Asked = { file?: string; admin?: string[]; again?: boolean }

const readFile = (file: string): unknown => {
  try {
    return JSON.parse(readFileSync(fileOf(file), 'utf8'))
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new UsageError(`--file ${file}: ${isMissing ? 'there is no such file' : `must be JSON. ${String(error)}`}`)
  }
}

const administrator = (text: string) => {
  const [userName = '', ...address] = text.split('=')
  return { userName, ...(address.length && { email: address.join('=') }) }
}

/** The request that a person asks for; what is wrong with it is told before anything is called. */
const requestOf = (accountId: string, { file, admin, again }: Asked) => {
  const content = file === undefined ? {} : readFile(file)
  if (typeof content !== 'object' || content === null || Array.isArray(content))
    throw new UsageError(`--file ${file}: must hold a JSON object.`)
  if ('accountId' in content && content.accountId !== accountId)
    throw new UsageError(
      `--file ${file} is for the account ${String(content.accountId)}, and the command for ${accountId}.`,
    )
  if (admin && 'admins' in content)
    throw new UsageError(`--file ${file} names its own admins: leave out either them or --admin.`)
  return parseInput(manualRequest, {
    ...content,
    accountId,
    ...(admin && { admins: admin.map(administrator) }),
    ...(again && { again }),
  })
}

const asking = (command: Command) =>
  command
    .argument('<account>', 'id of the account: 12 digits', accountId)
    .option('--file <FILE>', 'a request as JSON: admins, groups (README: What can be asked for)')
    .option(
      '--admin NAME[=EMAIL]',
      'an administrator; may be given several times (default: those of vending.yml)',
      more,
    )
    .option('--again', 'look into the account even if all is on record, and make again what is gone')

const showPlan = ({ accountId, accountName, outcome, wouldSucceed, reason, notes, ...made }: Plan) => {
  const rows = [
    ...made.groups.map(({ name, what, why }) => [`group ${name}`, what, why]),
    ...made.users.map(({ name, what, why, groups, policies }) => [
      `user ${name}`,
      what,
      [why, groups.length && `in ${groups.join(', ')}`, policies.length && `with ${policies.join(', ')}`]
        .filter(Boolean)
        .join('; '),
    ]),
    ...made.passwords.map(({ name, what, why }) => [`password of ${name}`, what, why]),
    ...made.mails.map(({ name, what, why }) => [`mail to ${name}`, what, why]),
  ]
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${styleText(wouldSucceed ? 'green' : 'red', outcome)}`,
    wrap(reason, '  '),
    ...(rows.length ? ['', table(['', 'would be', ''], rows)] : []),
    ...notes.map((words) => `\n${styleText('yellow', wrap(words))}`),
    '',
    wouldSucceed ? 'Nothing was changed.' : 'A vend of this would fail. Nothing was changed.',
  ].join('\n')
}

asking(program.command('plan'))
  .description('tell what a vend would make, keep, refuse and mail, and why, without changing anything')
  .addHelpText(
    'after',
    `
It reads the organization, the ledger and the account itself, in a session that may only read, and decides by the
workflow’s own code and this folder’s vending.yml. FILE may also hold an event.

Exit codes: 0 a vend would succeed, 1 it would be refused, 2 a mistake in the command.`,
  )
  .action(async (accountId: string, asked: Asked, command: Command) => {
    const { clients, stage, json, vending } = settingOf(command)
    const event = asked.file === undefined ? undefined : readFile(asked.file)
    const planned = await plan(clients, {
      accountId,
      request: isEvent(event) ? eventFor(accountId, event) : requestOf(accountId, asked),
      stage,
      vending: vending(),
    })
    answer(json, planned, () => showPlan(planned))
    process.exitCode = planned.wouldSucceed ? 0 : 1
  })

const eventFor = (accountId: string, event: unknown) => {
  const named = accountOfEvent(event, '')
  if (named !== accountId)
    throw new UsageError(`The event is about the account ${named}, and the command about ${accountId}.`)
  return event
}

asking(program.command('start'))
  .description('start a vend by hand; you are put on record as who asked')
  .option('--wait', 'follow it until it ends')
  .addHelpText(
    'after',
    '\nExit codes: 0 started (with --wait: vended, or nothing was left to do), 1 not, 2 a mistake in the request.',
  )
  .action(async (accountId: string, { wait, ...asked }: Asked & { wait?: boolean }, command: Command) => {
    const { clients, stage, json, options } = settingOf(command)
    const started = await start(clients, { accountId, stage, request: requestOf(accountId, asked) })
    if (wait) return follow(command, { accountId, executionArn: started.executionArn })
    answer(
      json,
      started,
      () => `Started ${started.executionArn}\nFollow it: npx vend status ${accountId} --watch${options}`,
    )
  })

// status

const showStep = ({ state, userName, at }: Status['timeline'][number], isAgain = false) =>
  `  ${styleText('dim', showTime(at))}  ${state}${userName ? ` ${userName}` : ''}${isAgain ? styleText('dim', ' (again)') : ''}`

const showFailure = ({ error, what, cause, advice, command, request }: NonNullable<Status['failure']>) =>
  [
    styleText('red', error),
    wrap(what, '  '),
    ...(cause ? [wrap(cause, '  ')] : []),
    wrap(advice, '  '),
    `    ${styleText('bold', command)}`,
    ...(request ? [wrap(`The request was: ${JSON.stringify(request)}`, '  ')] : []),
  ].join('\n')

const colours: Record<string, 'green' | 'red' | 'yellow' | 'dim'> = {
  VENDED: 'green',
  FAILED: 'red',
  VENDING: 'yellow',
  NOT_VENDED: 'dim',
}
const showState = (state: string) => styleText(colours[state] ?? 'bold', state)

const showStatus = (account: Status, { withSteps }: { withSteps: boolean }) => {
  const { accountId, accountName, execution, executionArn, requestedBy, updatedAt, failure, timeline, admins } = account
  const redriven = execution?.redriveCount ? `, redriven ${execution.redriveCount}×` : ''
  const facts = [
    updatedAt && `last change   ${showTime(updatedAt)}`,
    requestedBy && `requested by  ${requestedBy}`,
    executionArn &&
      `execution     ${executionArn.split(':').at(-1)} (${execution?.status ?? 'forgotten by Step Functions'}${redriven})`,
  ].filter((fact) => typeof fact === 'string')
  return [
    `${styleText('bold', accountId)}${accountName ? ` (${accountName})` : ''}: ${showState(account.status)}`,
    ...facts.map((fact) => `  ${fact}`),
    ...(withSteps && timeline.length ? ['', ...timeline.map((step) => showStep(step))] : []),
    ...(admins.length
      ? [
          '',
          table(
            ['Administrator', 'Groups', 'Mailed to', 'At'],
            admins.map(({ userName, kept, groups, email, mailedAt }) =>
              kept
                ? [`${userName} (kept)`, '', '', '']
                : [userName, groups.join(', '), mailedAt ? email : '–', mailedAt ? showTime(mailedAt) : ''],
            ),
          ),
        ]
      : []),
    ...(failure ? ['', showFailure(failure)] : []),
  ].join('\n')
}

const ended = ['VENDED', 'AlreadyVended', 'AlreadyInProgress', 'NotNew']

/** Follows a vend, and ends with its exit code. */
const follow = async (command: Command, asked: { accountId: string; executionArn?: string }) => {
  const { clients, stage, json, options } = settingOf(command)
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
    '\nExit codes: 0 vended (without --watch also under way, or never vended), 1 failed, 2 a mistake in the command.',
  )
  .action(async (accountId: string, { watch: follows }: { watch?: boolean }, command: Command) => {
    if (follows) return follow(command, { accountId })
    const { clients, stage, json, options } = settingOf(command)
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
    const { clients, stage, json } = settingOf(command)
    const only = wanted.flatMap((text) => text.toUpperCase().replaceAll('-', '_').split(','))
    const unknown = only.find((status) => !statuses.some((known) => known === status))
    if (unknown) throw new UsageError(`--status ${unknown}: must be one of ${statuses.join(', ')}.`)
    const showsProgress = process.stderr.isTTY
    const accounts = await list(clients, { stage, status: only }, (count) => {
      if (showsProgress) process.stderr.write(`\r${count} accounts read …`)
    })
    if (showsProgress) process.stderr.write('\r\u001b[K')
    answer(json, accounts, () => {
      const rows = accounts.map(({ accountId, name, state, status, updatedAt, error }) => [
        accountId,
        name,
        state,
        showState(status),
        [updatedAt && showTime(updatedAt), error].filter(Boolean).join('  '),
      ])
      return `${table(['Account', 'Name', 'State', 'Vend', 'Last change'], rows)}\n${accounts.length} accounts`
    })
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
    const { clients, stage, json, options } = settingOf(command)
    const redriven = await redrive(clients, { target, stage, options })
    if (wait && /^\d+$/.test(redriven.accountId)) return follow(command, redriven)
    answer(
      json,
      redriven,
      () => `Goes on: ${redriven.executionArn}\nFollow it: npx vend status ${redriven.accountId} --watch${options}`,
    )
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
      const { clients, stage, json, options } = settingOf(command)
      const toStdout = stdout === true || output === '-'
      if (stdout && output !== undefined && output !== '-') throw new UsageError('Choose one of --stdout and --output.')
      if (toStdout && json) throw new UsageError('--json never holds a password: leave out either it or --stdout.')
      if (toStdout && !stdout && process.stdout.isTTY)
        throw new UsageError(
          'This is a terminal, which keeps what it shows. Name a file with --output, or insist with --stdout.',
        )
      const file = fileOf(output ?? `${accountId}_credentials.csv`)
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

const writePrivately = (file: string, text: string, { force }: { force: boolean }) => {
  try {
    // A file that is there keeps its mode when it is written to: it is made private before the passwords are in it.
    if (force) {
      writeFileSync(file, '', { mode: 0o600 })
      chmodSync(file, 0o600)
    }
    writeFileSync(file, text, { mode: 0o600, flag: force ? 'r+' : 'wx' })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'EEXIST')
      throw new UsageError(`${file} is there already. Name another with --output, or replace it with --force.`)
    throw new UsageError(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`)
  }
}

// `npx vend list | head` closes the pipe early.
process.stdout.on('error', () => process.exit())

// What follows --local is its port only if it is one: `vend --local list`.
const isPort = (word = '') => /^\d{1,5}$/.test(word)
const words = process.argv.map((word, i, all) =>
  word === '--local' && !isPort(all[i + 1]) ? `--local=${localPort}` : word,
)

try {
  await program.parseAsync(words)
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    note(styleText('red', wrap(sayError(error)), { stream: process.stderr }))
    process.exitCode = exitCodeOf(error)
  }
}
