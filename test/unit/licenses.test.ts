import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { bundling, functionNames } from '../../infra/build/esbuild.ts'
import { billOfMaterials, bundledPackages, licenseIssues, licenseText } from '../../infra/build/licenses.ts'
import { temporaryFolder } from '../support/folder.ts'

const root = path.join(import.meta.dirname, '..', '..')

test('every package in the functions has a permissive license, and the lists name every package', async () => {
  const packages = await bundledPackages({
    ...bundling(path.join(import.meta.dirname, '..', 'support', 'vending.yml')),
    entryPoints: functionNames().map((name) => path.join(root, 'functions', name, 'handler.ts')),
  })
  const names = packages.map(({ name }) => name)
  expect(names).toContain('@aws-sdk/client-iam')
  expect(names).toContain('@middy/core')
  // Development dependencies are in no function.
  expect(names.filter((name) => /^(esbuild|vitest|mjml|@cloud-copilot)/.test(name))).toEqual([])
  expect(licenseIssues(packages)).toEqual([])

  const text = licenseText(packages)
  for (const { name, version, license } of packages) expect(text).toContain(`${name} ${version}: ${license}`)
  const bill = JSON.parse(billOfMaterials(packages)) as {
    bomFormat: string
    metadata: { component: { name: string; licenses: unknown } }
    components: { name: string; purl: string }[]
  }
  expect(bill.bomFormat).toBe('CycloneDX')
  expect(bill.metadata.component).toMatchObject({
    name: 'account-vending',
    licenses: [{ license: { id: 'Apache-2.0' } }],
  })
  expect(bill.components.map(({ name }) => name).sort()).toEqual([...names].sort())
  expect(bill.components.map(({ purl }) => purl)).toContain(
    `pkg:npm/%40middy/core@${packages.find(({ name }) => name === '@middy/core')?.version}`,
  )
})

/** A package that an entry point uses, and one that it imports without using. */
const withPackage = async (license: string | undefined) => {
  const folder = temporaryFolder()
  for (const [name, code] of [
    ['used', 'export const used = () => 1'],
    ['unused', 'export const unused = () => 2'],
  ] as const) {
    mkdirSync(path.join(folder, 'node_modules', name), { recursive: true })
    writeFileSync(path.join(folder, 'node_modules', name, 'index.js'), code)
    writeFileSync(
      path.join(folder, 'node_modules', name, 'package.json'),
      JSON.stringify({ name, version: '1.2.3', license, main: 'index.js', sideEffects: false }),
    )
  }
  writeFileSync(
    path.join(folder, 'handler.ts'),
    "import { used } from 'used'\nimport { unused } from 'unused'\nexport const handler = () => used()\nexport type T = typeof unused",
  )
  return bundledPackages({ ...bundling(), entryPoints: [path.join(folder, 'handler.ts')] })
}

test.each(['GPL-3.0-only', 'AGPL-3.0', 'SEE LICENSE IN LICENSE.md', 'MIT AND GPL-2.0-only', undefined])(
  'a bundled package with the license %s is refused, and only the bundled package',
  async (license) => {
    const issues = licenseIssues(await withPackage(license))
    expect(issues).toHaveLength(1)
    expect(issues[0]).toMatch(`used 1.2.3 has the license ${license ?? 'none'};`)
  },
)

test.each(['MIT', '(MIT OR GPL-3.0-only)', 'MIT AND Apache-2.0'])(
  'a package with the license %s may be bundled',
  async (license) => {
    expect(licenseIssues(await withPackage(license))).toEqual([])
  },
)

test('the command contains only code with a permissive license', async () => {
  const packages = await bundledPackages({
    bundle: true,
    platform: 'node',
    format: 'esm',
    outdir: 'nothing',
    // The page of `vend ui` is in the command, too.
    entryPoints: [path.join(root, 'cli', 'commands.ts'), path.join(root, 'cli', 'ui', 'page.tsx')],
    loader: { '.html': 'empty' },
  })
  expect(packages.map(({ name }) => name)).toEqual(expect.arrayContaining(['commander', 'preact']))
  expect(licenseIssues(packages)).toEqual([])
})

test('docs/decisions/0009 names every installed package whose license is the AGPL', () => {
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { license?: string; dev?: boolean }>
  }
  const agpl = Object.entries(lock.packages).filter(([, { license }]) => license?.includes('AGPL'))
  const decision = readFileSync(path.join(root, 'docs', 'decisions', '0009-policies-are-evaluated.md'), 'utf8')
  for (const [name, { dev }] of agpl) {
    expect(dev, name).toBe(true)
    expect(decision).toContain(`\`${name.replace('node_modules/', '')}\``)
  }
})
