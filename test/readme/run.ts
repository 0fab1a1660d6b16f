import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'

// Runs the commands that README and three guides show, as they are written, beside `npm start`. Each command must be
// listed below: a new command without an entry fails the run. `--only TEXT` runs only the commands with this text.

const root = path.join(import.meta.dirname, '..', '..')
const pages = ['README.md', 'docs/command.md', 'docs/local-organization.md', 'docs/api.md']

/** How a shown command is tried. `as` runs another command, for a reason; `skip` runs none, for a reason. */
type Try =
  { exit?: number; says: RegExp; as?: string | ((shown: string) => string); because?: string } | { skip: string }

const local = 'the local organization stands for AWS'
const notRunHere = (by: string): Try => ({ skip: `.ci/run runs it itself: ${by}` })
const tries: Record<string, Try> = {
  'npm ci && npm start': notRunHere('npm ci, npm start -- --once'),
  'npm ci && npm test': notRunHere('npm ci, npm run check'),
  'npm ci': notRunHere('npm ci'),
  'npm start': { skip: 'it runs beside all the other commands' },
  'npm start -- --once': notRunHere('npm start -- --once'),
  'npx vend --local plan 555555555555': { says: /Legacy/ },
  'npx vend --local start 555555555555 --admin ada=ada@example.com --wait': { says: /VENDED/ },
  'npx vend --local csv 555555555555': { says: /Written for ada/ },
  'npx vend --local list': { says: /555555555555 +Legacy +ACTIVE +VENDED/ },
  'npx vend init --region us-east-1': {
    as: 'npx vend --local init --yes --notify ops@example.com --operators PlatformTeam --region us-east-1 --config "$npm_config_prefix/vending.yml"',
    because: 'there is no terminal, the local organization stands for AWS, and vending.yml stays',
    says: /Written: .*vending\.yml[^]*npx vend doctor/,
  },
  'npx vend init --yes --notify platform-team@example.com --operators PlatformTeam --region us-east-1': {
    as: (shown) => `${shown.replace('npx vend', 'npx vend --local')} --config "$npm_config_prefix/other.yml"`,
    because: 'the local organization stands for AWS, and vending.yml stays',
    says: /Written: .*other\.yml[^]*npx vend doctor/,
  },
  'npx vend doctor --region us-east-1': {
    as: 'npx vend --local doctor --region us-east-1',
    because: local,
    // The repository's own vending.yml still has the example's values.
    exit: 1,
    says: /management account +111122223333/,
  },
  'npm run package -- --stage prod': {
    says: /These keys still have the example’s values.*: sender, [^]*The package for the stage prod in us-east-1 is in \.serverless/,
  },
  'npm run package': { says: /The package for the stage prod/ },
  'npm run deploy -- --stage prod': { exit: 1, says: /vending\.yml still has the example’s values/ },
  'npm run deploy': { exit: 1, says: /vending\.yml still has the example’s values/ },
  'npx vend start 444455556666 --wait --region us-east-1': {
    as: 'npx vend --local start 777788889999 --wait --region us-east-1',
    because: local,
    says: /777788889999/,
  },
  'npx vend start 444455556666': { as: 'npx vend --local start 777788889999', because: local, says: /777788889999/ },
  'npx vend status 444455556666': {
    as: 'npx vend --local status 777788889999',
    because: local,
    says: /777788889999 \(Website\)/,
  },
  'npx vend csv 444455556666 Administrator --region us-east-1': {
    as: 'npx vend --local csv 777788889999 Administrator --region us-east-1',
    because: local,
    says: /Written for Administrator/,
  },
  'npx vend remove 444455556666 --region us-east-1': {
    as: 'npx vend --local remove 777788889999 --region us-east-1',
    because: local,
    // Without a terminal, the command removes nothing.
    exit: 1,
    says: /user Administrator +would be deleted/,
  },
  'npx vend links --region us-east-1': {
    as: 'npx vend --local links --region us-east-1',
    because: local,
    says: /777788889999 .*Administrator/,
  },
  'npx vend link 444455556666 Administrator --region us-east-1': {
    as: 'npx vend --local link 777788889999 Administrator --region us-east-1',
    because: local,
    says: /^Started arn:aws:states:/,
  },
  'npx vend drift --region us-east-1': {
    as: 'npx vend --local drift --region us-east-1',
    because: local,
    says: /The daily round has not looked at any account yet/,
  },
  'npx vend drift --ou Workloads --csv drift.csv --region us-east-1': {
    as: 'npx vend --local drift --ou Workloads --csv "$npm_config_prefix/drift.csv" --region us-east-1',
    because: local,
    says: /drift\.csv/,
  },
  'npx vend backfill --ou Workloads': {
    as: 'npx vend --local backfill --ou Workloads',
    because: local,
    says: /old account/,
  },
  'npx vend backfill --ou Workloads --apply': {
    as: 'npx vend --local backfill --ou Workloads --apply',
    because: local,
    says: /old account/,
  },
  'npx vend verify --stage prod --region us-east-1': {
    skip: 'needs a deployed package; test/workflow/cli-verify.test.ts imitates one',
  },
  'npx vend ui --operate': { skip: 'serves a page until Ctrl-C; test/browser/console.test.ts presses its buttons' },
  'npx vend replay': { as: 'npx vend --local replay', because: local, says: /dead-letter queue is empty/ },
  'npm install --global .': { says: /added|changed|up to date/ },
  'source <(vend completion bash)': { says: /^$/ },
  'source <(vend completion zsh)': { skip: 'zsh is not part of a usual installation' },
  'aws secretsmanager delete-secret': { skip: 'the start of a command, in a sentence' },
  'npx osls remove --stage prod': { skip: 'needs AWS; npm run test:e2e runs it on an imitated AWS' },
  'git checkout VERSION && npm ci': { skip: 'VERSION stands for a release, and the checkout would change this clone' },
  'npm start -- --config FILE': {
    as: 'npm start -- --port 4690 --once --config vending.yml',
    because: 'npm start has the usual ports already',
    says: /Vended/,
  },
  'npm start -- --once --event test/samples/manual-execution.json': {
    as: 'npm start -- --port 4690 --once --event test/samples/manual-execution.json',
    because: 'npm start has the usual ports already',
    says: /Vended/,
  },
}
/** A request to the API, with the keys of a role of the local organization. */
const toLocalApi = (command: string) =>
  command
    .replace('"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"', 'AKIALOCALOPERATOR:local-operator')
    .replace('-H "x-amz-security-token: $AWS_SESSION_TOKEN" ', '')
    .replace('https://API_ID.execute-api.us-east-1.amazonaws.com', 'http://127.0.0.1:4682')
    .replace('444455556666/', '777788889999/')

// The guides show these with other arguments or files. A pattern that fits stands for all of them.
let opened = 0
const patterns: [RegExp, Try][] = [
  [/^npm -s start .*failing-execution\.json$/, { exit: 1, says: /AccessRoleMissingError/ }],
  [/^npm -s start -- --once --json --event /, { says: /"notices"/ }],
  [/^(npx vend|npm run vend --|vend)( …)?$/, { skip: 'stands for all commands' }],
  [
    /^npx vend open Sandbox .*--wait$/,
    {
      as: (shown) => shown.replace('npx vend', 'npx vend --local').replace('sandbox@', `sandbox-${(opened += 1)}@`),
      because: local,
      says: /Sandbox: vended/,
    },
  ],
  [/^curl .*\/accounts$/, { as: toLocalApi, because: local, says: /HTTP\/1\.1 202[^]*"status":"accepted"/ }],
  [/^curl .*\/admins$/, { as: toLocalApi, because: local, says: /"status":"Accepted"/ }],
  [
    /^curl .*\/approval$/,
    { skip: 'needs a request that waits for approval; test/workflow/open-account-api.test.ts sends one' },
  ],
  [/^(aws|read -r .*\baws) /, { skip: 'needs the AWS CLI' }],
  [
    /\b(ACCOUNT|COMMAND|SHELL|REQUEST|NAME)\b/,
    { skip: 'a form with a placeholder; the tests of the command run each subcommand' },
  ],
  [/^npx vend \w+$/, { skip: 'names a subcommand; the tests of the command run each subcommand' }],
  [/^vend completion (fish|powershell)/, { skip: 'needs that shell' }],
]

const shownIn = (page: string) => {
  const text = readFileSync(path.join(root, page), 'utf8')
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) =>
    block
      .replace(/\\\n\s*/g, '')
      .trim()
      .split('\n'),
  )
  const inline = [...text.matchAll(/`((?:npm|npx|vend|source|aws|curl) [^`]+)`/g)].map(([, command = '']) => command)
  return [...blocks, ...inline]
}

const { only = '' } = parseArgs({ options: { only: { type: 'string' } } }).values

const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-readme-'))
const environment = {
  ...process.env,
  // `npm install --global` installs here, and `vend` is found here.
  npm_config_prefix: folder,
  PATH: `${path.join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
  AWS_EC2_METADATA_DISABLED: 'true',
}

const run = async (command: string) => {
  const child = spawn('bash', ['-c', command], { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += String(chunk)))
  const timer = globalThis.setTimeout(() => child.kill(), 120_000)
  const exit = await new Promise<number | null>((resolve) => child.on('close', resolve))
  clearTimeout(timer)
  return { exit, output }
}

const tryCommand = async (command: string): Promise<string | undefined> => {
  const found = tries[command] ?? patterns.find(([pattern]) => pattern.test(command))?.[1]
  if (!found) return 'is shown, but test/readme/run.ts does not say how to try it'
  if ('skip' in found) {
    process.stdout.write(`-  ${command} (${found.skip})\n`)
    return undefined
  }
  const as = typeof found.as === 'function' ? found.as(command) : found.as
  const { exit, output } = await run(as ?? command)
  if (exit !== (found.exit ?? 0)) return `ended with ${exit}:\n${output.slice(-800)}`
  if (!found.says.test(output)) return `did not print ${String(found.says)}:\n${output.slice(-800)}`
  process.stdout.write(`✔  ${command}${as ? ` (as ${as}: ${found.because})` : ''}\n`)
  return undefined
}

const start = spawn('npm', ['start'], {
  cwd: root,
  env: environment,
  detached: true,
  stdio: ['ignore', 'pipe', 'inherit'],
})
let started = ''
start.stdout.on('data', (chunk: Buffer) => (started += String(chunk)))
const end = Date.now() + 120_000
let failures = 0
try {
  while (!started.includes('The passwords are in Secrets Manager')) {
    if (start.exitCode !== null || Date.now() > end)
      throw new Error(`npm start did not vend three accounts:\n${started}`)
    await setTimeout(200)
  }
  for (const command of new Set(pages.flatMap(shownIn))) {
    if (!command.includes(only)) continue
    const fault = await tryCommand(command)
    if (!fault) continue
    failures += 1
    process.stdout.write(`✘  ${command}\n   ${fault}\n`)
  }
} finally {
  if (start.pid) process.kill(-start.pid, 'SIGINT')
  rmSync(folder, { recursive: true, force: true })
  for (const account of ['555555555555', '777788889999'])
    rmSync(path.join(root, `${account}_credentials.csv`), { force: true })
}
process.stdout.write(failures ? `${failures} commands failed.\n` : 'Every command that is shown works.\n')
process.exitCode = failures ? 1 : 0
