import { exampleValues } from './example-values.ts'
import { loadVending, packagedVendingFile } from './load-vending.ts'

// Tells in a few lines what osls would tell in hundreds of lines. With --deploy it refuses the example's values as
// well.
try {
  const examples = exampleValues(loadVending(packagedVendingFile))
  if (process.argv.includes('--deploy') && examples.length)
    throw new Error(
      'vending.yml still has values of the example. Replace them with your own, then deploy again:\n' +
        examples.map((line) => `  ${line}`).join('\n'),
    )
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
