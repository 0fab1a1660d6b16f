import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Vending } from '../../functions/shared/vending.ts'
import { bundling, functionNames } from './esbuild.ts'
import { billOfMaterials, bundledPackages, licenseIssues, licenseText } from './licenses.ts'
import { loadVending, packagedVendingFile } from './check-vending.ts'
import { firstSignInDoubts } from './default-request.ts'
import { exampleKeys } from './example-values.ts'
import { keptByNpm } from './npm-options.ts'

const root = path.join(import.meta.dirname, '..', '..')

/** Runs osls and shows its output. Throws if osls fails. */
export const osls = (...args: string[]) => {
  // serverless-esbuild leaves a copy of each bundle in the temporary folder.
  const temporary = mkdtempSync(path.join(tmpdir(), 'account-vending-'))
  // The bundles' modes are in the packages. Lambda needs 644 to read a file (Lambda Developer Guide, nodejs-package).
  // And the same bundle must make the same package, whoever packages.
  const umask = process.umask(0o022)
  try {
    const { status } = spawnSync(
      process.execPath,
      [createRequire(import.meta.url).resolve('osls/bin/serverless.js'), ...args],
      {
        cwd: root,
        stdio: 'inherit',
        env: { ...process.env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      },
    )
    if (status !== 0) throw new Error(`osls ${args[0]} failed. The message of osls is above.`)
  } finally {
    process.umask(umask)
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** Throws an error that explains that npm has kept the stage or the Region for itself: `npm run deploy --stage dev`. */
export const refuseKeptOptions = (command: string) => {
  const hint = keptByNpm(command, [
    { name: 'stage', hasValue: true },
    { name: 'region', hasValue: true },
  ])
  if (hint) throw new Error(hint)
}

/**
 * The stage and the Region that these options of osls name, and the folder of the package.
 * Throws an error for people if the name of the stage is not valid: osls would repeat its own error for each use.
 */
export const targetOf = (args: string[]) => {
  const { values } = parseArgs({
    args,
    strict: false,
    options: {
      stage: { type: 'string', short: 's', default: 'prod' },
      region: { type: 'string', short: 'r', default: 'us-east-1' },
      package: { type: 'string', short: 'p', default: '.serverless' },
    },
  }) as { values: { stage: string; region: string; package: string } }
  if (!/^[a-z\d-]+$/i.test(values.stage))
    throw new Error(`--stage ${values.stage}: the name of a stage has only letters, digits and hyphens.`)
  return values
}

/** What a person must know about a `vending.yml` with which the service can be packaged. */
export const warningsAbout = (vending: Vending) => {
  const examples = exampleKeys(vending)
  return [
    ...(examples.length
      ? [`These keys still have the example’s values, which npm run deploy refuses: ${examples.join(', ')}`]
      : []),
    ...firstSignInDoubts(vending),
  ]
}

/**
 * Packages the service, offline: checks vending.yml and the licenses of what is in the functions, then writes the
 * CloudFormation template, the functions, `licenses.txt` and `sbom.cdx.json` into the folder of the package.
 * `args` are options of osls. Throws errors whose messages are for people.
 */
export const packageService = async (args: string[]) => {
  const { stage, region, package: folder } = targetOf(args)
  for (const warning of warningsAbout(loadVending(packagedVendingFile)))
    process.stderr.write(`Warning about vending.yml: ${warning}.\n`)
  const packages = await bundledPackages({
    ...bundling(packagedVendingFile),
    entryPoints: functionNames().map((name) => path.join(root, 'functions', name, 'handler.ts')),
  })
  const issues = licenseIssues(packages)
  if (issues.length)
    throw new Error(`These packages must not be in the functions:\n${issues.map((issue) => `  ${issue}`).join('\n')}`)
  osls('package', ...args)
  writeFileSync(path.resolve(root, folder, 'licenses.txt'), licenseText(packages))
  writeFileSync(path.resolve(root, folder, 'sbom.cdx.json'), billOfMaterials(packages))
  process.stdout.write(
    `The package for the stage ${stage} in ${region} is in ${folder}. licenses.txt and sbom.cdx.json there list the\n` +
      `${packages.length} npm packages that are in the functions. Nothing was deployed.\n`,
  )
}

if (import.meta.main)
  try {
    refuseKeptOptions('npm run package')
    await packageService(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
