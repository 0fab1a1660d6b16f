import { loadVending, packagedVendingFile } from './vending.ts'

// Packaging works with the examples of vending.yml; a deployment with them would mail nobody and lock everybody out.
const vending = loadVending(packagedVendingFile)
const examples = Object.entries(vending).filter(([, value]) =>
  /\bexample\.com\b|:111122223333:/.test(JSON.stringify(value)),
)
if (examples.length) {
  const keys = examples.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`)
  process.stderr.write(
    `vending.yml still holds values of the example. Put your own in, then deploy again:\n${keys.join('\n')}\n`,
  )
  process.exitCode = 1
}
