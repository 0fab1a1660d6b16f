import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import { deflateRawSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { clientMaker } from '../../cli/clients.ts'
import { commitOf, rebuild } from '../../cli/rebuild.ts'
import { showVerified } from '../../cli/show-verified.ts'
import { verify, type Verified, verifyClients } from '../../cli/verify.ts'
import { filesIn } from '../../cli/zip.ts'
import { startEndpoint } from '../../local/aws/endpoint.ts'
import { createWorld } from '../../local/aws/world.ts'
import { deployedPackage } from '../support/deployed-package.ts'
import { temporaryFolder } from '../support/folder.ts'
import { exampleVending } from '../support/organization.ts'

// `vend verify` builds the service and compares it with a package that was made earlier and is "deployed".

const root = path.join(import.meta.dirname, '..', '..')
const folder = temporaryFolder()
const deployed = path.join(folder, 'deployed')
const template = path.join(deployed, 'cloudformation-template-update-stack.json')
const world = createWorld()
const { region, managementAccountId: accountId } = world
const stage = 'local'

let built: string
let endpoint: Awaited<ReturnType<typeof startEndpoint>>
beforeAll(async () => {
  built = await rebuild({ stage, region, vendingFile: exampleVending })
  const operations = deployedPackage(deployed, { stackName: 'account-vending-local', region, accountId })
  endpoint = await startEndpoint(world, { operations })
})
beforeEach(() => {
  rmSync(deployed, { recursive: true, force: true })
  cpSync(built, deployed, { recursive: true })
})
afterAll(() => endpoint.close())

/** Runs the bundled command in a shell, so that it can have another umask. */
const command = async (script: string, ...args: string[]) => {
  const temporary = path.join(folder, 'temporary')
  mkdirSync(temporary, { recursive: true })
  const where = ['--endpoint-url', endpoint.url, '--stage', stage, '--config', exampleVending]
  const { code, stdout, stderr } = await promisify(execFile)(
    'sh',
    ['-c', `umask 077; exec "$0" "$@"`, process.execPath, script, 'verify', ...where, ...args],
    {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        TMPDIR: temporary,
        TZ: 'Asia/Tokyo',
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: accountId,
        AWS_SECRET_ACCESS_KEY: 'local',
      },
    },
  ).then(
    (ended) => ({ code: 0, ...ended }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  )
  return { code, out: stdout, err: stderr, left: readdirSync(temporary) }
}
const vend = path.join(root, 'dist', 'vend.cjs')

const functions = () =>
  readdirSync(built)
    .filter((name) => name.endsWith('.zip'))
    .map((name) => path.basename(name, '.zip'))

test('the package is the same byte for byte, in another folder, under another umask and in another time zone', async () => {
  const { code, out, err, left } = await command(vend, '--json')
  expect({ code, err, left }).toEqual({ code: 0, err: 'Building the service from its sources …\n', left: [] })
  const verified = JSON.parse(out) as Verified
  expect(verified).toMatchObject({ isSame: true, template: [] })
  expect(verified.functions.map(({ name }) => name).sort()).toEqual(functions().sort())
  expect(functions().length).toBeGreaterThan(20)
  for (const { outcome, deployed, built } of verified.functions)
    expect({ outcome, built }).toEqual({ outcome: 'same', built: deployed })
  expect(await commitOf()).toMatchObject({ id: expect.stringMatching(/^[\da-f]{40}$/) as string })
  expect(verified).toMatchObject({ commit: { id: (await commitOf())?.id } })
})

test('docs/command.md names every permission that verify needs', () => {
  const made = new Set(
    world.calls
      .filter((call) => call.accountId === accountId)
      .map(({ service, operation }) => `${service}:${operation}`),
  )
  expect([...made]).toEqual(expect.arrayContaining(['cloudformation:GetTemplate', 'lambda:GetFunctionConfiguration']))
  const row = readFileSync(path.join(root, 'docs', 'command.md'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith('| `verify`') && line.includes('lambda:'))
  for (const action of made) if (action !== 'cloudformation:DescribeStacks') expect(row).toContain(`\`${action}\``)
  expect(row).toContain('`lambda:GetFunction`')
})

describe('verify', () => {
  const compare = async () => {
    const place = { endpoint: endpoint.url, region, credentials: { accessKeyId: accountId, secretAccessKey: 'local' } }
    const verified = await verify(verifyClients(clientMaker(place)), { stage, folder: built })
    const said = stripVTControlCharacters(showVerified(verified, { stage, region }))
    const differ = verified.functions.filter(({ outcome }) => outcome !== 'same')
    return { ...verified, differ, said }
  }
  const changeTemplate = (change: (template: Record<string, Record<string, Resource>>) => void) => {
    const content = JSON.parse(readFileSync(template, 'utf8')) as Record<string, Record<string, Resource>>
    change(content)
    writeFileSync(template, JSON.stringify(content))
  }
  type Statement = { Action: string[]; Resource: unknown }
  type Resource = {
    Properties: { Policies: { PolicyDocument: { Statement: Statement[] } }[] } & Record<string, unknown>
  }

  test('says that everything is the same', async () => {
    const { isSame, said } = await compare()
    expect(isSame).toBe(true)
    expect(said).toContain('✔ acceptRequest\n')
    expect(said).toMatch(/All \d+ functions and the template are the same: what runs is what these sources build\.$/)
  })

  test('names the one function that was changed', async () => {
    cpSync(path.join(built, 'getAccount.zip'), path.join(deployed, 'sweep.zip'))
    const { isSame, differ, template, said } = await compare()
    expect(isSame).toBe(false)
    expect(template).toEqual([])
    expect(differ).toEqual([expect.objectContaining({ name: 'sweep', outcome: 'different' })])
    expect(said).toMatch(/✘ sweep: the deployed code is different\n {4}deployed \S+=\n {4}built {4}\S+=\n/)
    expect(said).toMatch(/1 of \d+ functions and 0 parts of the template differ\./)
    expect(said).toContain('npm run deploy -- --stage local --region us-east-1')
  })

  test('names the function that is not there', async () => {
    rmSync(path.join(deployed, 'sweep.zip'))
    expect((await compare()).differ).toEqual([expect.objectContaining({ name: 'sweep', outcome: 'not deployed' })])
  })

  test('names the one role that was changed, and where', async () => {
    changeTemplate(({ Resources }) => {
      Resources?.['SweepRole']?.Properties.Policies[0]?.PolicyDocument.Statement[0]?.Action.push('iam:*')
    })
    const { isSame, differ, template, said } = await compare()
    expect({ isSame, differ }).toEqual({ isSame: false, differ: [] })
    expect(template).toEqual([
      {
        part: 'SweepRole',
        outcome: 'different',
        differences: [
          expect.objectContaining({
            at: 'Properties.Policies.0.PolicyDocument.Statement.0.Action',
            deployed: expect.arrayContaining(['iam:*']) as string[],
          }),
        ],
      },
    ])
    expect(said).toMatch(/✘ SweepRole: is different\n {4}Properties\.Policies\.0.*\n {6}deployed \[.*\n {6}built {4}\[/)
  })

  test('names the resources and outputs that only one side has', async () => {
    changeTemplate(({ Resources = {}, Outputs = {} }) => {
      Resources['Backdoor'] = Resources['SweepRole']!
      delete Resources['DeadLetters']
      delete Outputs['LedgerTable']
    })
    const { template } = await compare()
    expect(template.map(({ part, outcome }) => `${part} ${outcome}`).sort()).toEqual([
      'Backdoor only deployed',
      'DeadLetters only built',
      'output LedgerTable only built',
    ])
  })

  test('a package whose files are the same is the same, whoever compressed the files', async () => {
    const file = path.join(deployed, 'sweep.zip')
    const [[name, content] = ['', Buffer.of()]] = filesIn(readFileSync(file))
    const zip = (content: Buffer) => {
      const packed = deflateRawSync(content, { level: 1 })
      const sizes = Buffer.alloc(12)
      sizes.writeUInt32LE(packed.length, 4)
      sizes.writeUInt32LE(content.length, 8)
      const nameLength = Buffer.alloc(4)
      nameLength.writeUInt16LE(name.length)
      // Version 2.0, no flags, deflated, no time.
      const common = Buffer.concat([Buffer.from('14000000080000000000', 'hex'), sizes, nameLength])
      const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), packed])
      const central = Buffer.concat([
        Buffer.from('PK\u0001\u0002\u0014\u0000'),
        common,
        Buffer.alloc(14),
        Buffer.from(name),
      ])
      const end = Buffer.alloc(22)
      end.write('PK\u0005\u0006')
      end.writeUInt16LE(1, 8)
      end.writeUInt16LE(1, 10)
      end.writeUInt32LE(central.length, 12)
      end.writeUInt32LE(local.length, 16)
      return Buffer.concat([local, central, end])
    }
    writeFileSync(file, zip(content))
    const same = await compare()
    expect(same.isSame).toBe(true)
    expect(same.said).toContain('✔ sweep (compressed by another computer)')
    writeFileSync(file, zip(Buffer.concat([content, Buffer.from(';')])))
    expect((await compare()).differ).toEqual([expect.objectContaining({ name: 'sweep', outcome: 'different' })])
    writeFileSync(file, 'not a zip')
    expect((await compare()).differ).toEqual([expect.objectContaining({ name: 'sweep', outcome: 'different' })])
  })

  test('a template that osls did not make is refused', async () => {
    writeFileSync(template, 'Resources:\n')
    await expect(compare()).rejects.toThrow('something else than npm run deploy has changed the stack')
  })
})

describe('the command', () => {
  test('says what it needs where there are no sources', async () => {
    const alone = path.join(folder, 'alone', 'dist', 'vend.cjs')
    mkdirSync(path.dirname(alone), { recursive: true })
    cpSync(vend, alone)
    const { code, err } = await command(alone)
    expect(code).toBe(1)
    expect(err.replace(/\s+/g, ' ')).toContain('Run npx vend verify in a clone of the project, after npm ci.')
  })

  test('says why the service cannot be packaged', async () => {
    const { code, err, left } = await command(vend, '--region', 'cn-north-1')
    expect(err).toMatch(/The service cannot be packaged:\n[^]*cn-north-1 is in China/)
    expect({ code, left }).toEqual({ code: 1, left: [] })
  })

  test('says that nothing is deployed in the local organization', async () => {
    const { code, stderr } = await promisify(execFile)(process.execPath, [vend, '--local', 'verify']).then(
      (ended) => ({ code: 0, ...ended }),
      (failure: { code: number; stderr: string }) => failure,
    )
    expect(code).toBe(2)
    expect(stderr).toContain('there is nothing to verify')
  })
})
