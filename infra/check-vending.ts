import { loadVending, packagedVendingFile } from './vending.ts'

// Says in a few lines what osls would say in hundreds. With --deploy it also refuses the example's values: a deployment
// with them would mail nobody and lock everybody out.
try {
  const vending = loadVending(packagedVendingFile)
  const isExample = (value: unknown) =>
    /(?<![\w-])example\.com\b|:111122223333:|^"Example Organization"$/.test(JSON.stringify(value))
  const examples = Object.entries(vending).filter(([, value]) => isExample(value))
  if (process.argv.includes('--deploy') && examples.length)
    throw new Error(
      'vending.yml still holds values of the example. Put your own in, then deploy again:\n' +
        examples.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`).join('\n'),
    )
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
