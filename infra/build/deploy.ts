import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { loadVending, packagedVendingFile } from './check-vending.ts'
import { exampleValues } from './example-values.ts'
import { osls, packageService, refuseKeptOptions, targetOf } from './package.ts'

const root = path.join(import.meta.dirname, '..', '..')
const template = 'cloudformation-template-update-stack.json'

const say = (text: string) => void process.stdout.write(`${text}\n`)

const refuseExamples = () => {
  const examples = exampleValues(loadVending(packagedVendingFile))
  if (examples.length)
    throw new Error(
      'vending.yml still has the example’s values. Replace them with your own, then deploy again:\n' +
        examples.map((line) => `  ${line}`).join('\n'),
    )
}

const runDoctor = (stage: string, region: string) => {
  const { status } = spawnSync(
    process.execPath,
    [
      path.join(root, 'dist', 'vend.cjs'),
      'doctor',
      '--stage',
      stage,
      '--region',
      region,
      '--config',
      packagedVendingFile,
    ],
    { stdio: 'inherit' },
  )
  if (status !== 0) throw new Error('Nothing was deployed. Do what doctor says above, then deploy again.')
}

/**
 * Deploys the service: refuses the example's values, runs `vend doctor`, packages the service, and deploys exactly
 * this package. Looks only at what is deployed and configured, and runs no tests. `args` are options of osls.
 * Throws errors whose messages are for people.
 */
const deploy = async (args: string[]) => {
  const { stage, region, package: folder } = targetOf(args)
  refuseExamples()
  say(`Step 1 of 3, a few seconds: npx vend doctor checks the account for the stage ${stage} in ${region}.`)
  runDoctor(stage, region)
  say('\nStep 2 of 3, about ten seconds: packaging the service.')
  await packageService(args)
  const { Resources } = JSON.parse(readFileSync(path.resolve(root, folder, template), 'utf8')) as { Resources: object }
  say(
    `\nStep 3 of 3, several minutes the first time: CloudFormation creates or updates the stack account-vending-${stage},\n` +
      `which has ${Object.keys(Resources).length} resources.`,
  )
  const begun = Date.now()
  osls('deploy', ...args, ...(args.some((arg) => /^(-p|--package)(=|$)/.test(arg)) ? [] : ['--package', folder]))
  say(
    `\nDeployed in ${Math.round((Date.now() - begun) / 1000)} s. Next, confirm the subscription mails that SNS sends to the addresses\n` +
      `under notify, and try the service: npx vend start ACCOUNT --wait --stage ${stage} --region ${region}`,
  )
}

try {
  refuseKeptOptions('npm run deploy')
  await deploy(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
