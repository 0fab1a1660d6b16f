import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { clientMaker } from '../../cli/clients.ts'
import { serveUi } from '../../cli/ui.ts'
import { openRequest } from '../../functions/shared/new-account.ts'
import { createRequest } from '../../functions/shared/opening.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { addAccount } from '../../local/aws/world.ts'
import { clientConfig, type LocalOrganization, startOrganization } from '../../local/start-organization.ts'
import { vend } from '../../local/vend-input.ts'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending } from '../support/organization.ts'

// Holds the table of permissions in docs/command.md against the calls that each command makes.

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const managementAccountId = '111122223333'

/** The actions that a row of the table names, and those of the row to which it refers. */
const permissionsOf = (command: string): Set<string> => {
  const row = readFileSync(path.join(root, 'docs', 'command.md'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`| \`${command}\``) && line.includes(':'))
  const [, other] = /\| What `(\w+)` needs/.exec(row ?? '') ?? []
  const named = [...(row ?? '').matchAll(/`([a-z]+:\w+)`/g)].map(([, action = '']) => action)
  return new Set([...named, ...(other ? permissionsOf(other) : [])])
}

let organization: LocalOrganization
let calls = new Set<string>()
beforeAll(async () => {
  organization = await startOrganization({
    vendingFile: exampleVending,
    speed: 300,
    // The calls of a person in the management account. A session's own calls in a member account are not the person's.
    intercept: ({ service, operation, caller }) => {
      if (!caller.function && caller.accountId === managementAccountId) calls.add(`${service}:${operation}`)
    },
  })
})
afterAll(async () => {
  await organization.settled()
  await organization.close()
})

const run = (...args: string[]) => {
  calls = new Set()
  return promisify(execFile)(
    process.execPath,
    [
      path.join(root, 'dist', 'vend.cjs'),
      '--config',
      exampleVending,
      ...args,
      '--local',
      new URL(organization.endpointUrl).port,
    ],
    { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' } },
  ).catch((error: unknown) => error)
}

const account = (id: string) => addAccount(organization.world, { id, name: `a${id}` })
const deadLetter = () =>
  new SQSClient({
    endpoint: organization.endpointUrl,
    region: 'us-east-1',
    credentials: { accessKeyId: managementAccountId, secretAccessKey: 'local' },
  }).send(
    new SendMessageCommand({
      QueueUrl: `https://sqs.us-east-1.amazonaws.com/${managementAccountId}/${organization.deployed.deadLetters}`,
      MessageBody: JSON.stringify({ accountId: '360000000001' }),
      MessageAttributes: Object.fromEntries(
        Object.entries({
          RULE_ARN: 'arn:aws:events:us-east-1:111122223333:rule/account-vending-local-AccountCreatedRule-LOCAL0123456',
          TARGET_ARN: organization.deployed.stateMachineArn,
          ERROR_CODE: 'NO_PERMISSIONS',
        }).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      ),
    }),
  )

const initOptions = ['--notify', 'ops@example.com', '--operators', 'PlatformTeam', '--sender', 'vending@elsewhere.org']

test.each([
  {
    command: 'init',
    // Another file: the command would change the example.
    args: () => ['--yes', ...initOptions, '--verify-sender', '--config', path.join(folder, 'vending.yml')],
    atLeast: ['iam:ListRoles', 'ses:ListIdentities', 'ses:GetAccount', 'ses:VerifyEmailIdentity'],
  },
  {
    command: 'doctor',
    args: () => [],
    atLeast: ['sts:AssumeRole', 'ses:GetAccount', 'ses:GetConfigurationSet', 'iam:GetPolicy', 'iam:GetRole'],
  },
  { command: 'plan', args: () => [account('360000000002').id], atLeast: ['sts:AssumeRole', 'dynamodb:GetItem'] },
  { command: 'start', args: () => [account('360000000003').id], atLeast: ['states:StartExecution'] },
  {
    command: 'open',
    args: () => ['Sandbox', 'sandbox@example.com', '--ou', 'Workloads/Sandbox'],
    atLeast: ['dynamodb:PutItem', 'states:StartExecution', 'organizations:ListRoots'],
  },
  { command: 'requests', args: () => [], atLeast: ['dynamodb:Scan'] },
  ...(['approve', 'decline'] as const).map((command) => ({
    command,
    args: async () => {
      const ledger = {
        dynamodb: new DynamoDBClient(clientConfig(organization, managementAccountId)),
        tableName: organization.deployed.ledgerTable,
      }
      const body = parseInput(openRequest, { name: command, email: `${command}@example.com` })
      return [(await createRequest(ledger, { body, requestedBy: 'somebody', needsApproval: true })).requestId]
    },
    atLeast: ['dynamodb:UpdateItem', 'sts:GetCallerIdentity'],
  })),
  { command: 'status', args: () => ['360000000003'], atLeast: ['states:DescribeExecution'] },
  {
    command: 'list',
    args: () => ['--ou', 'Workloads/Sandbox'],
    atLeast: ['dynamodb:Scan', 'organizations:ListOrganizationalUnitsForParent'],
  },
  {
    command: 'backfill',
    args: () => {
      addAccount(organization.world, { id: '360000000005', joinedAt: 0, parentId: 'ou-exam-sandbox0' })
      return ['--ou', 'Workloads/Sandbox', '--apply']
    },
    atLeast: ['dynamodb:Scan', 'dynamodb:DescribeTable', 'sts:AssumeRole', 'states:StartExecution'],
  },
  {
    command: 'link',
    args: () => ['360000000003', 'Administrator'],
    atLeast: ['dynamodb:GetItem', 'states:StartExecution'],
  },
  { command: 'links', args: () => [], atLeast: ['dynamodb:Scan'] },
  {
    command: 'drift',
    args: () => ['--ou', 'Workloads/Sandbox'],
    atLeast: ['dynamodb:Scan', 'organizations:ListOrganizationalUnitsForParent'],
  },
  { command: 'round', args: () => ['--wait'], atLeast: ['states:StartExecution', 'states:DescribeExecution'] },
  {
    command: 'redrive',
    args: async () => {
      account('360000000004').deniedActions.push('iam:CreateUser')
      await vend(organization, { door: 'manual', input: '{"accountId":"360000000004"}' })
      return ['360000000004']
    },
    atLeast: ['states:RedriveExecution'],
  },
  {
    // The account's vend failed in the first step, so that only a note says which execution it was.
    command: 'redrive',
    args: async () => {
      account('360000000006').state = 'SUSPENDED'
      await vend(organization, { door: 'manual', input: '{"accountId":"360000000006"}' })
      return ['360000000006']
    },
    atLeast: ['dynamodb:Scan', 'states:RedriveExecution'],
  },
  {
    command: 'replay',
    args: async () => {
      account('360000000001')
      await deadLetter()
      return []
    },
    atLeast: ['sqs:DeleteMessage', 'states:StartExecution'],
  },
  { command: 'csv', args: () => ['360000000003', 'Administrator'], atLeast: ['secretsmanager:GetSecretValue'] },
])('docs/command.md names every permission that $command needs', async ({ command, args, atLeast }) => {
  const words = await args()
  await run(command, ...words)
  const made = [...calls]
  expect(made).toEqual(expect.arrayContaining(atLeast))
  const named = permissionsOf(command)
  const unnamed = made.filter((action) => action !== 'cloudformation:DescribeStacks' && !named.has(action))
  expect(unnamed).toEqual([])
})

test('docs/command.md names every permission that ui needs', async () => {
  const { world, endpointUrl: endpoint } = organization
  const credentials = { accessKeyId: managementAccountId, secretAccessKey: 'local' }
  const make = clientMaker({ region: world.region, endpoint, credentials })
  const vending = loadVending(exampleVending)
  const server = await serveUi({ make, stage: 'local', vending, options: '', operates: false })
  try {
    calls = new Set()
    const read = async (path: string) =>
      (await fetch(`${server.url}data/${path}`)).json() as Promise<{ state?: string }>
    await expect.poll(async () => (await read('accounts')).state).toBe('read')
    await read(`accounts/${[...world.accounts.keys()].at(-1)}`)
    await read('requests')
  } finally {
    server.close()
  }
  const made = [...calls]
  expect(made).toEqual(
    expect.arrayContaining(['organizations:ListAccounts', 'organizations:ListRoots', 'dynamodb:Scan']),
  )
  const named = new Set([...permissionsOf('list'), ...permissionsOf('status'), 'cloudformation:DescribeStacks'])
  expect(made.filter((action) => !named.has(action))).toEqual([])
})
