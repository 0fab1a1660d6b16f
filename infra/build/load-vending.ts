import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseDocument } from 'yaml'
import { InvalidInputError } from '../../functions/shared/errors.ts'
import { completeRequest } from '../../functions/shared/request.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { type Vending, vendingSchema } from '../../functions/shared/vending.ts'

/** The file that the service is packaged with: VENDING_FILE in the environment names another one. */
export const packagedVendingFile =
  process.env['VENDING_FILE'] ?? path.join(import.meta.dirname, '..', '..', 'vending.yml')

/**
 * Reads and checks a `vending.yml`.
 * Throws an error with file, key and what is allowed there for everything that is wrong.
 */
export const loadVending = (file: string): Vending => {
  const document = parseDocument(readFileSync(file, 'utf8'), { prettyErrors: true })
  const problem = document.errors[0]
  if (problem) throw new Error(`${path.basename(file)}: ${problem.message}`)
  const standIn = 'account@account.invalid'
  try {
    const vending = parseInput(vendingSchema, document.toJS())
    // Every account completes these defaults: what cannot work for one is refused here, with a stand-in for the account.
    const recipients = { allowedRecipients: [...vending.allowedRecipients, standIn] }
    completeRequest(
      { groups: [] },
      { ...vending, ...recipients },
      {
        accountId: '111122223333',
        accountEmail: standIn,
        partition: /arn:(aws[\w-]*):iam::aws:/.exec(JSON.stringify([vending.groups, vending.admins]))?.[1] ?? 'aws',
      },
    )
    return {
      ...vending,
      accessRole:
        vending.accessRole ??
        (vending.automatic === 'control-tower' ? 'AWSControlTowerExecution' : 'OrganizationAccountAccessRole'),
    }
  } catch (error) {
    const issues =
      error instanceof InvalidInputError
        ? error.issues.map(({ field, message }) => `${field}: ${message}`)
        : [(error instanceof Error ? error.message : String(error)).replace(`, ${standIn})`, ')')]
    const lines = issues.map((issue) => `  ${issue.replace(/^vending\.yml /, '')}`)
    throw new Error(`${path.basename(file)} is not valid:\n${lines.join('\n')}`, { cause: error })
  }
}
