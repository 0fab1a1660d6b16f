import path from 'node:path'
import { ensureAccount } from '../../local/make-account.ts'
import { bundleFunctions } from '../../local/run-function.ts'
import { startOrganization } from '../../local/start-organization.ts'
import { vendThroughThreeDoors } from '../../local/three-doors.ts'

// Prints the inputs of the functions that one execution per door invokes, as JSON for test/samples. Run it for a
// release whose state inputs differ from the recorded ones: node test/support/record-state-inputs.ts

type Invocation = { function: string; input: unknown }
const exampleVending = path.join(import.meta.dirname, 'vending.yml')
const invocations: Invocation[] = []
Object.assign(globalThis, {
  record: (name: string, input: unknown) => {
    // A function that is retried gets the same input again.
    const text = JSON.stringify(input)
    if (!invocations.some((before) => before.function === name && JSON.stringify(before.input) === text))
      invocations.push({ function: name, input: JSON.parse(text) as unknown })
  },
})
const recording = (name: string, bundle: string) =>
  `${bundle}\n;{const {handler}=module.exports;module.exports={handler:(event,context)=>{globalThis.record(${JSON.stringify(name)},event);return handler(event,context)}}}`

const bundles = await bundleFunctions(exampleVending)
for (const [name, bundle] of bundles) bundles.set(name, recording(name, bundle))
const organization = await startOrganization({ vendingFile: exampleVending, speed: 300, bundles })
try {
  ensureAccount(organization, '777788889999', 'Website')
  const reports = await vendThroughThreeDoors(organization, () => undefined)
  const accounts = reports.map(({ execution }, i) => ({
    door: ['event', 'manual', 'api'][i],
    executionArn: (execution?.output as { executionArn: string }).executionArn,
    account: organization.world.accounts.get((execution?.output as { accountId: string }).accountId),
  }))
  const executions = accounts.map(({ door, executionArn, account }) => ({
    door,
    account: { id: account?.id, name: account?.name, email: account?.email },
    invocations: invocations.filter(({ input }) => JSON.stringify(input).includes(executionArn)),
  }))
  process.stdout.write(`${JSON.stringify(executions, null, 2)}\n`)
} finally {
  await organization.close()
}
