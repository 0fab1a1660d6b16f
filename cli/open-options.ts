import { openRequest, type OpenRequest } from '../functions/shared/new-account.ts'
import { parseInput } from '../functions/shared/parse.ts'
import { UsageError } from './command-errors.ts'
import { administrator, readRequestFile } from './request-options.ts'

export type AskedToOpen = { file?: string; ou?: string; tag?: string[]; admin?: string[] }

const tag = (text: string): [string, string] => {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--tag ${text}: must be KEY=VALUE.`)
  return [text.slice(0, at), text.slice(at + 1)]
}

/**
 * The request for an account that the arguments and options of a command make. The request is checked before any call.
 * Throws `UsageError` and `InvalidInputError`.
 */
export const openRequestOf = (
  { name, email }: { name: string | undefined; email: string | undefined },
  { file, ou, tag: tags, admin }: AskedToOpen,
): OpenRequest => {
  const content = file === undefined ? {} : readRequestFile(file)
  const given = {
    ...(name !== undefined && { name }),
    ...(email !== undefined && { email }),
    ...(ou !== undefined && { ou }),
    ...(tags && { tags: Object.fromEntries(tags.map(tag)) }),
    ...(admin && { admins: admin.map(administrator) }),
  }
  const twice = Object.keys(given).find((key) => key in content)
  if (twice)
    throw new UsageError(
      `--file ${file} already has ${twice}: remove ${twice} from the file, or leave it out of the command.`,
    )
  return parseInput(openRequest, { ...content, ...given })
}
