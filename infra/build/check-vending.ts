import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseDocument } from 'yaml'
import { InvalidInputError } from '../../functions/shared/errors.ts'
import { completeRequest } from '../../functions/shared/request.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { type Vending, vendingSchema } from '../../functions/shared/vending.ts'

/** The file that the service is packaged with. The environment variable VENDING_FILE can name another file. */
export const packagedVendingFile =
  process.env['VENDING_FILE'] ?? path.join(import.meta.dirname, '..', '..', 'vending.yml')

/**
 * Reads and checks a `vending.yml`.
 * Throws an error that names the file, and for each wrong key what is allowed there.
 */
export const loadVending = (file: string): Vending => {
  const document = parseDocument(readFileSync(file, 'utf8'), { prettyErrors: true })
  const problem = document.errors[0]
  if (problem) throw new Error(`${path.basename(file)}: ${problem.message}`)
  const standIn = 'account@account.invalid'
  try {
    const vending = parseInput(vendingSchema, document.toJS())
    // The defaults are completed for every account. This completes them for a stand-in account, to refuse here what
    // could not work for any account.
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
