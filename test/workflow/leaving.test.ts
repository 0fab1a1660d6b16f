import { execFile } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { addAccount, addGroup, addUser } from '../../local/aws/world.ts'
import { vend } from '../../local/vend-input.ts'
import { accountCreated } from '../support/events.ts'
import { temporaryFolder } from '../support/folder.ts'
import { anOrganization, exampleVending } from '../support/organization.ts'
import { packagedTemplate } from '../support/packaged.ts'

// Leaves, as docs/leaving.md says, as far as the local organization can show it.

const root = path.join(import.meta.dirname, '..', '..')
const page = readFileSync(path.join(root, 'docs', 'leaving.md'), 'utf8')
const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, text = '']) => text)
const blockWith = (text: string) => {
  const found = blocks.filter((block) => block.includes(text))
  expect(found, text).toHaveLength(1)
  return found[0] ?? ''
}
const folder = temporaryFolder()

test('the commands of the page take everything of ours out of every account, and nothing of others', async () => {
  const organization = await anOrganization({ automatic: 'organizations' })
  try {
    const { world } = organization
    const accounts = Array.from({ length: 4 }, (_, i) =>
      addAccount(world, { id: String(390000000001 + i), name: `Team ${i}` }),
    )
    const [byEvent, byHand, failed, untouched] = accounts as [...typeof accounts, never]
    for (const account of accounts) {
      const bob = addUser(world, account, { name: 'bob' })
      bob.login = { password: 'Held-since-2022', resetRequired: false, createdAt: 0 }
      bob.groups.add(addGroup(world, account, { name: 'Auditors' }))
    }
    const admins = ['ada', 'grace'].map((userName) => ({ userName, email: `${userName}@example.com` }))
    await vend(organization, { door: 'event', event: accountCreated(byEvent.id) })
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: byHand!.id, admins }) })
    failed!.deniedActions = ['iam:CreateLoginProfile']
    await vend(organization, { door: 'manual', input: JSON.stringify({ accountId: failed!.id, admins }) })
    failed!.deniedActions = []
    expect([byEvent, byHand, failed].map((account) => account!.users.size)).toEqual([2, 3, 3])

    const local = `--local ${new URL(organization.endpointUrl).port} --config ${exampleVending}`
    const npx = path.join(folder, 'npx')
    writeFileSync(
      npx,
      `#!/bin/sh\nshift\nexec ${process.execPath} ${path.join(root, 'dist', 'vend.cjs')} "$@" ${local}\n`,
    )
    chmodSync(npx, 0o755)
    const run = async (commands: string) =>
      (
        await promisify(execFile)('bash', ['-c', commands], {
          cwd: folder,
          env: { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' },
        })
      ).stdout
    const remaining = blockWith('--status VENDED --status VENDING')
    expect(await run(remaining)).toContain('3 accounts')
    const output = await run(blockWith('--yes --last-way-in'))
    expect(output.match(/^Started /gm)).toHaveLength(3)
    await organization.settled()

    expect(await run(remaining)).toContain('0 accounts')
    for (const account of accounts) {
      expect([...account.users.keys()]).toEqual(['bob'])
      expect([...account.groups.keys()]).toEqual(['auditors'])
    }
    expect(untouched!.users.get('bob')?.login).toBeDefined()
    const secrets = [...world.secrets.values()]
    expect(secrets.length).toBeGreaterThan(2)
    expect(secrets.filter(({ deletionAt }) => deletionAt === undefined)).toEqual([])
    // The commands can be repeated.
    expect(await run(blockWith('--yes --last-way-in'))).toBe('')
  } finally {
    await organization.close()
  }
})

test('the rules of the page are those that start a workflow, and what stays is what the template retains', async () => {
  const { resources } = await packagedTemplate({})
  const starting = Object.entries(resources).filter(
    ([, { Type, Properties }]) =>
      Type === 'AWS::Events::Rule' &&
      JSON.stringify(Properties['Targets']).match(/"(VendAccount|DailyRound)"/) !== null,
  )
  const [, listed = ''] = /for rule in ([^;]+);/.exec(blockWith('disable-rule')) ?? []
  expect(listed.replaceAll('\\', ' ').split(/\s+/).filter(Boolean).sort()).toEqual(starting.map(([id]) => id).sort())

  const retained = Object.entries(resources).filter(([, { DeletionPolicy = 'Delete' }]) => DeletionPolicy !== 'Delete')
  const named = [...page.matchAll(/^\| `(\w+)`, the /gm)].map(([, id]) => id)
  expect(named.sort()).toEqual(retained.map(([id]) => id).sort())
  for (const [, { DeletionPolicy }] of retained) expect(DeletionPolicy).toBe('RetainExceptOnCreate')
})
