import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { sayError } from '../../cli/command-errors.ts'
import { packagedVendingFile } from '../../infra/build/check-vending.ts'
import { moto } from '../conformance/moto.ts'
import { makeEnvironment, MissingError } from '../support/python.ts'
import { ministack, startAws } from './emulators.ts'
import type { Target } from './target.ts'

const root = path.join(import.meta.dirname, '../..')
const say = (line: string) => console.log(line)
const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-e2e-'))
const cleanUps: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
let interrupted = false

/** Runs the tests on this machine. They need no clean-up: everything disappears with MiniStack and moto. */
const onThisMachine = async (tests: string[]) => {
  await makeEnvironment('test:e2e', moto, say)
  await makeEnvironment('test:e2e', ministack, say)
  say(`Starting MiniStack ${ministack.version} and moto ${moto.version}`)
  const aws = await startAws()
  cleanUps.push(() => aws.stop())
  // Keeps the profile, the keys and the endpoint of a person's AWS configuration away.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'))
  const none = path.join(folder, 'none')
  await runTests(
    tests,
    { folder, vendingFile: path.join(root, 'test/support/vending.yml') },
    {
      ...Object.fromEntries(own),
      ...aws.env,
      AWS_CONFIG_FILE: none,
      AWS_SHARED_CREDENTIALS_FILE: none,
    },
  )
}

/** Runs the tests against AWS, with the credentials and the Region that every AWS tool finds in the environment. */
const againstAws = async (accountIds: string[], yes: boolean) => {
  const { planAgainstAws } = await import('./plan.ts')
  const vendingFile = packagedVendingFile
  const { accounts, region, text } = await planAgainstAws(accountIds, vendingFile).catch((error: unknown) => {
    if (error instanceof MissingError) throw error
    throw new MissingError(`test:e2e --against-aws could not read your AWS account. ${sayError(error)}`, {
      cause: error,
    })
  })
  say(text)
  if (!yes) {
    if (!process.stdin.isTTY)
      throw new MissingError('test:e2e --against-aws cannot ask for confirmation without a terminal: add --yes')
    const terminal = createInterface({ input: process.stdin, output: process.stdout })
    const answer = await terminal.question('Do it? Type yes to continue: ')
    terminal.close()
    if (answer !== 'yes') throw new MissingError('Nothing was done.')
  }
  const target: Target = { folder, vendingFile, accounts }
  // The Region may come from a profile. The variable makes osls deploy to the same Region.
  process.env['AWS_REGION'] = region
  cleanUps.push(async () => {
    const { cleanUp } = await import('./clean-up.ts')
    say('Looking for what is left, and taking it out')
    await cleanUp(target)
  })
  await runTests(['e2e.test'], target, process.env)
}

const runTests = async (tests: string[], target: Target, env: NodeJS.ProcessEnv) => {
  const vitest = spawn(
    path.join(root, 'node_modules/.bin/vitest'),
    ['run', '--config', path.join(import.meta.dirname, 'vitest.config.ts'), ...tests],
    { stdio: 'inherit', cwd: root, env: { ...env, E2E_TARGET: JSON.stringify(target) } },
  )
  // Ctrl-C also reaches vitest, which must end first.
  process.on('SIGINT', () => (interrupted = true))
  process.on('SIGTERM', () => {
    interrupted = true
    vitest.kill('SIGTERM')
  })
  const [code] = (await once(vitest, 'exit')) as [number | null]
  process.exitCode = interrupted ? 1 : (code ?? 1)
}

const usage = 'npm run test:e2e, or: npm run test:e2e -- --against-aws --account ID --account ID [--yes]'
const readOptions = () => {
  try {
    const options = parseArgs({
      allowPositionals: true,
      options: {
        'against-aws': { type: 'boolean', default: false },
        account: { type: 'string', multiple: true, default: [] },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    const { 'against-aws': isAgainstAws, account: accounts, yes } = options.values
    if (!isAgainstAws && (accounts.length || yes)) throw new Error('--account and --yes are for --against-aws.')
    for (const id of accounts) if (!/^\d{12}$/.test(id)) throw new Error(`--account ${id}: must be 12 digits.`)
    return options
  } catch (error) {
    throw new MissingError(`${error instanceof Error ? error.message : String(error)}\nUsage: ${usage}`, {
      cause: error,
    })
  }
}

try {
  const { values, positionals } = readOptions()
  if (values.help) say(`Usage: ${usage}\nSee docs/e2e.md.`)
  else await (values['against-aws'] ? againstAws(values.account, values.yes) : onThisMachine(positionals))
} catch (error) {
  if (!(error instanceof MissingError)) throw error
  console.error(error.message)
  process.exitCode = 1
} finally {
  for (const cleanUp of cleanUps.reverse())
    try {
      await cleanUp()
    } catch (error) {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
}
