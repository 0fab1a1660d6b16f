import path from 'node:path'
import { parseDocument } from 'yaml'
import { InvalidInputError } from '../../functions/shared/errors.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { type Vending, vendingSchema } from '../../functions/shared/vending.ts'
import { defaultRequest, standIn } from './default-request.ts'
import { readNamedFile } from './named-file.ts'

const fromEnvironment = process.env['VENDING_FILE']

/** The file that the service is packaged with. The environment variable VENDING_FILE can name another file. */
export const packagedVendingFile = fromEnvironment ?? path.join(import.meta.dirname, '..', '..', 'vending.yml')

const readYaml = (file: string, named: string) => {
  const document = parseDocument(readNamedFile(file, named), { prettyErrors: true })
  const problem = document.errors[0]
  if (!problem) return document
  const { line, col } = problem.linePos?.[0] ?? { line: 1, col: 1 }
  throw new Error(
    `${path.basename(file)} is not valid YAML: line ${line}, column ${col}.\n` +
      'The mistake is there or on the line above. Common mistakes: a colon or a quote is missing, a\n' +
      'key is there twice, the indentation has a tab or does not fit, or a text with a special\n' +
      'character, like a colon, is not in quotes.\n' +
      `Correct the file, then run the command again. The YAML parser says:\n\n${problem.message.trimEnd()}`,
  )
}

/**
 * Reads and checks a `vending.yml`. `named` says how a person named the file.
 * Throws an error that names the file, and for each missing or wrong key what is allowed there.
 */
export const loadVending = (
  file: string,
  named = file === fromEnvironment ? `The environment variable VENDING_FILE names ${file}` : file,
): Vending => {
  const document = readYaml(file, named)
  try {
    const vending = parseInput(vendingSchema, document.toJS())
    defaultRequest(vending)
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
