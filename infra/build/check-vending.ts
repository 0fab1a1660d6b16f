import { exampleValues } from './example-values.ts'
import { loadVending, packagedVendingFile } from './load-vending.ts'

// Says in a few lines what osls would say in hundreds. With --deploy it also refuses the example's values.
try {
  const examples = exampleValues(loadVending(packagedVendingFile))
  if (process.argv.includes('--deploy') && examples.length)
    throw new Error(
      'vending.yml still holds values of the example. Put your own in, then deploy again:\n' +
        examples.map((line) => `  ${line}`).join('\n'),
    )
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
