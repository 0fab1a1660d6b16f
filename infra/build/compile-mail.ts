import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { XMLValidator } from 'fast-xml-parser'

type Problem = { line: number; message: string; tagName: string }
type Mjml2Html = (mjml: string, options: object) => Promise<{ html: string }>

// mjml has no types of its own, and takes 0.4 s to load: many who import this compile no mail.
const require = createRequire(import.meta.url)
const mjml2html: Mjml2Html = (mjml, options) => (require('mjml') as Mjml2Html)(mjml, options)

/** Turns an MJML file into the HTML that is mailed, or throws with the file and line of whatever MJML dislikes. */
export const compileMail = async (file: string): Promise<string> => {
  const mjml = await readFile(file, 'utf8')

  // MJML's own parser closes whatever was left open, without a word.
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
