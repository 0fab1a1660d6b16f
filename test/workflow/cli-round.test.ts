import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AwsError } from '../../local/aws/aws-error.ts'
import { addAccount } from '../../local/aws/world.ts'
import { vend as vendOne } from '../../local/vend-input.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, exampleVending, type TestOrganization } from '../support/organization.ts'

// Runs `vend round` as a person does: in a process, against a local organization over HTTP.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
let organization: TestOrganization
/** What happens to a Scan of a function. */
let scanning: () => void | (() => Promise<never>) = () => undefined
/** Hears that the command follows a round. */
let followed: () => void = () => undefined
beforeAll(async () => {
  organization = await anOrganization({}, ({ operation, caller }) => {
    if (operation === 'DescribeExecution' && !caller.function) followed()
    return operation === 'Scan' && caller.function ? scanning() : undefined
  })
  const accountId = '830000000001'
  addAccount(organization.world, { id: accountId, name: 'Payments' })
  await vendOne(organization, { door: 'manual', input: JSON.stringify({ accountId }) })
  organization.world.accounts.get(accountId)!.users.clear()
})
afterAll(() => organization.close())

const vend = async (...args: string[]) => {
  const local = ['--local', new URL(organization.endpointUrl).port, '--config', exampleVending]
  const env = { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' }
  const ended = await promisify(execFile)(process.execPath, [path.join(root, 'dist', 'vend.cjs'), ...args, ...local], {
    cwd: folder,
    env,
  }).then(
    (done) => ({ code: 0, ...done }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
  await organization.settled()
  return ended
}
const rounds = () => [...organization.rounds.values()]
const options = () => ` --local ${new URL(organization.endpointUrl).port}`

test('starts a round, and says how to follow it', async () => {
  const { code, stdout } = await vend('round')
  expect(rounds()).toMatchObject([{ status: 'SUCCEEDED' }])
  expect([code, stdout]).toEqual([
    0,
    `Started ${rounds()[0]?.executionArn}\nFollow the round (if the round has ended, this command starts another round): npx vend round --wait${options()}\n`,
  ])
})

test('with --wait, says what the round found', async () => {
  organization.world.accounts.get('830000000001')!.groups.clear()
  const { code, stdout } = await vend('round', '--wait')
  expect([code, stdout]).toEqual([
    0,
    'The round has looked at 1 of 6 accounts.\n' +
      '2 open findings, 1 new. 0 gone since the last round. A mail to the addresses under notify lists what is new or gone.\n' +
      `List the findings: npx vend drift${options()}\n`,
  ])
  const { stdout: json } = await vend('round', '--wait', '--json')
  expect(JSON.parse(json)).toMatchObject({ toLookAt: 1, started: 0, report: { open: 2, new: 0, mailed: false } })
})

test('a round that runs is followed, and no other one is started', async () => {
  const following = new Promise<void>((resolve) => (followed = resolve))
  const before = rounds().length
  // The answer of the first Scan comes when the second command follows the round. It is an error, which is retried.
  scanning = () => {
    scanning = () => undefined
    return async () => {
      await following
      throw new AwsError('InternalServerError', 'later', 500)
    }
  }
  const first = organization.round()
  const second = vend('round', '--wait')
  const { code, stdout, stderr } = await second
  await first
  expect(rounds()).toHaveLength(before + 1)
  expect([code, stderr]).toEqual([0, `A round is already running: ${rounds().at(-1)?.executionArn}\n`])
  expect(stdout).toContain('The round has looked at 1 of 6 accounts.')
})

test('a round that fails is told with the command that continues it, which then does', async () => {
  scanning = () => {
    throw new AwsError('ValidationException', 'The expression is not valid')
  }
  const { code, stderr } = await vend('round', '--wait')
  scanning = () => undefined
  const failed = rounds().at(-1)!
  expect([code, failed.status]).toEqual([1, 'FAILED'])
  expect(stderr.replaceAll(/\s+/g, ' ')).toContain('The round failed with ValidationException.')
  expect(stderr).toContain(`npx vend redrive ${failed.executionArn}${options()}`)

  const redriven = await vend('redrive', failed.executionArn, '--wait')
  expect([redriven.code, failed.status]).toEqual([0, 'SUCCEEDED'])
  expect(redriven.stdout).toContain('The round has looked at 1 of 6 accounts.')
  const again = await vend('redrive', failed.executionArn)
  expect([again.code, again.stderr.replaceAll(/\s+/g, ' ')]).toEqual([
    1,
    expect.stringContaining(
      'has succeeded, so nothing is left to redrive. Start a new round: npx vend round',
    ) as string,
  ])
})
