import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { XMLValidator } from 'fast-xml-parser'

type Problem = { line: number; message: string; tagName: string }
type Mjml2Html = (mjml: string, options: object) => Promise<{ html: string }>

// mjml has no types of its own. It takes 0.4 s to load, and many importers of this file compile no mail.
const require = createRequire(import.meta.url)
const mjml2html: Mjml2Html = (mjml, options) => (require('mjml') as Mjml2Html)(mjml, options)

/** Compiles an MJML file to the HTML of a mail. Throws an error with file and line for everything that MJML refuses. */
export const compileMail = async (file: string): Promise<string> => {
  const mjml = await readFile(file, 'utf8')

  // MJML's own parser closes unclosed elements without an error.
  const wellFormed = XMLValidator.validate(mjml)
  if (wellFormed !== true) throw new Error(`${file}:${wellFormed.err.line}: ${wellFormed.err.msg}`)

  const { html } = await mjml2html(mjml, {
    filePath: file,
    // The head that both mails share.
    ignoreIncludes: false,
    includePath: path.resolve(file, '..', '..'),
    validationLevel: 'strict',
    fonts: {},
    keepComments: false,
    minify: true,
    minifyOptions: { minifyCss: false },
  }).catch((error: Error & { errors?: Problem[] }) => {
    const problems = error.errors?.map(({ line, tagName, message }) => `${file}:${line}: ${message} (${tagName})`)
    throw new Error(problems?.join('\n') ?? `${file}: ${error.message}`, { cause: error })
  })
  return html
}
