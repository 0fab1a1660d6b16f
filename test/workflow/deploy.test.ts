import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyService } from '../../infra/build/copy-service.ts'
import type { LocalOrganization } from '../../local/start-organization.ts'
import { temporaryFolder } from '../support/folder.ts'
import {
  adoptersAccountId as managementAccountId,
  adoptersOrganization,
  adoptersVending as ours,
  vendingFile,
} from '../support/organization.ts'
import { withoutCode } from '../support/packaged.ts'

// Tests `npm run package` and `npm run deploy` as a person runs them, up to the call of CloudFormation, which the local
// organization does not imitate. test/e2e deploys to an AWS that imitates CloudFormation.

const root = path.join(import.meta.dirname, '..', '..')
let organization: LocalOrganization
beforeAll(async () => {
  organization = await adoptersOrganization()
})
afterAll(() => organization.close())

/** A copy of the project, as a person has it who edited vending.yml and keeps own files in the folder. */
const copyProject = (vending: string) => {
  const folder = temporaryFolder()
  copyService(root, folder)
  for (const part of ['cli', 'dist']) cpSync(path.join(root, part), path.join(folder, part), { recursive: true })
  writeFileSync(path.join(folder, 'vending.yml'), vending)
  return folder
}

const run = async (folder: string, script: string, ...args: string[]) => {
  const temporary = path.join(folder, 'tmp')
  mkdirSync(temporary, { recursive: true })
  const child = spawn(process.execPath, [path.join(folder, 'infra', 'build', script), ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: temporary,
      TMPDIR: temporary,
      AWS_ENDPOINT_URL: organization.endpointUrl,
      AWS_ACCESS_KEY_ID: managementAccountId,
      AWS_SECRET_ACCESS_KEY: 'local',
      // The local endpoint does not know osls's first call. osls would repeat the call for minutes.
      SLS_AWS_REQUEST_MAX_RETRIES: '0',
    },
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, output, left: readdirSync(temporary).filter((name) => !name.startsWith('.')) }
}

/** A group whose policy denies everything under a condition. */
const guarded = (Condition: object) => [
  {
    name: 'Guarded',
    inline: {
      Guard: { Version: '2012-10-17', Statement: { Effect: 'Deny', Action: '*', Resource: '*', Condition } },
    },
  },
]

test('packaging says for which stage it packages, lists the licenses, warns about a policy that may deny a first sign-in, and leaves nothing in the temporary folder', async () => {
  const groups = guarded({ Bool: { 'aws:MultiFactorAuthPresent': 'false' } })
  // One function with its code has licenses to list.
  const folder = withoutCode(copyProject(readFileSync(vendingFile({ ...ours, groups }), 'utf8')), 'get-account')
  const { code, output, left } = await run(folder, 'package.ts', '--stage', 'blue')
  expect(output).toContain('The package for the stage blue in us-east-1 is in .serverless.')
  expect(output).toMatch(
    /^Warning about vending\.yml: The policy Guard of the group Guarded may deny Administrator the password change .*\.$/m,
  )
  expect(code).toBe(0)
  expect(readFileSync(path.join(folder, '.serverless', 'licenses.txt'), 'utf8')).toContain('@middy/core')
  expect(readFileSync(path.join(folder, '.serverless', 'sbom.cdx.json'), 'utf8')).toContain('CycloneDX')
  expect(left).toEqual([])
})

test('packaging refuses a policy that denies the first sign-in', async () => {
  const folder = copyProject(readFileSync(vendingFile({ ...ours, groups: guarded({}) }), 'utf8'))
  const { code, output } = await run(folder, 'package.ts', '--stage', 'blue')
  expect(output).toMatch(/^vending\.yml is not valid:\n {2}groups\[0\]\.inline\.Guard: The policy Guard of .* denies/)
  expect(code).toBe(1)
})

test('deploying runs doctor first, and does not mind the style of a person’s own files', async () => {
  const vending = readFileSync(vendingFile(ours), 'utf8').replace(/^(automatic|sender): (.*)$/gm, '$1: "$2"')
  expect(vending).toContain('organizations"')
  const folder = withoutCode(copyProject(vending))
  writeFileSync(path.join(folder, 'request.json'), '{"accountId":"444455556666",   "admins":[{"userName":"ada"}]}')
  writeFileSync(path.join(folder, 'my-script.ts'), 'var   unused = "not typed: " + missing;')
  const { code, output } = await run(folder, 'deploy.ts', '--stage', 'local')
  expect(output).toMatch(
    /Step 1 of 3.*You can deploy the service.*Step 2 of 3.*The package for the stage local.*Step 3 of 3/s,
  )
  expect(output).toMatch(/osls deploy failed/)
  expect(code).toBe(1)
})

test('deploying stops before packaging if doctor finds a fault', async () => {
  const folder = copyProject(readFileSync(vendingFile({ ...ours, sender: 'mail@elsewhere.org' }), 'utf8'))
  const { code, output } = await run(folder, 'deploy.ts', '--stage', 'local')
  expect(output).toMatch(/✘ SES sender.*You cannot deploy the service yet.*Nothing was deployed\. Do what doctor says/s)
  expect(output).not.toContain('Step 2')
  expect(code).toBe(1)
  expect(existsSync(path.join(folder, '.serverless'))).toBe(false)
})

test('deploying refuses the values of the example before it asks AWS', async () => {
  const { code, output } = await run(
    copyProject(readFileSync(vendingFile({}), 'utf8')),
    'deploy.ts',
    '--stage',
    'local',
  )
  expect(output).toMatch(/^vending\.yml still has the example’s values\. .*sender: /s)
  expect(output).not.toContain('Step 1')
  expect(code).toBe(1)
})

test.each(['package.ts', 'deploy.ts'])('%s refuses a wrong name of a stage with one sentence', async (script) => {
  const folder = copyProject(readFileSync(vendingFile(ours), 'utf8'))
  const { code, output } = await run(folder, script, '--stage', 'Prod!')
  expect(output).toBe('--stage Prod!: the name of a stage has only letters, digits and hyphens.\n')
  expect(code).toBe(1)
  expect(existsSync(path.join(folder, '.serverless'))).toBe(false)
})
