type Values = Record<string, string>

/**
 * Fills the HTML of a mail. The content of a value is shown as text and never interpreted as markup.
 *
 * `{{name}}` is replaced by a value. `{{#name}}…{{/name}}` is kept only if that value is not empty.
 */
export const fillHtml = (template: string, values: Values) =>
  fill(template, values, (value, indent) => indent + escaped(printable(value)))

/**
 * Fills the plain text of a mail. No value can begin a line, except where the template indents the value.
 *
 * Placeholders are as in `fillHtml`. A placeholder that stands alone on an indented line keeps the lines of its value.
 * Any other placeholder makes one line of its value.
 */
export const fillText = (template: string, values: Values) =>
  fill(template, values, (value, indent) =>
    indent ? indent + printable(value).trim().replaceAll('\n', `\n${indent}`) : oneLine(value),
  )

/** Makes one line of a text, without control characters, for a subject for example. */
export const oneLine = (value: string) => printable(value).replace(/\s+/g, ' ').trim()

/** A time in a mail: 2026-11-27 09:31 UTC. */
export const utcTime = (iso: string) => iso.replace(/T(\d\d:\d\d).*/, ' $1 UTC')

const fill = (template: string, values: Values, show: (value: string, indent: string) => string) => {
  const valueOf = (name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new ReferenceError(`The mail template uses {{${name}}}, which has no value`)
    return value
  }
  // Blocks first: at this point the text contains no values yet, so every block is the template's own.
  return template
    .replace(/{{#(\w+)}}\n?([^]*?){{\/\1}}\n?/g, (_, name: string, block: string) => (valueOf(name) ? block : ''))
    .replace(/(^[ \t]+(?={{\w+}}$))?{{([^]*?)}}/gm, (_, indent: string | undefined, name: string) =>
      show(valueOf(name), indent ?? ''),
    )
}

const escaped = (value: string) => value.replace(/[&<>"']/g, (mark) => entities[mark]!)
const entities: Values = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

// Removes what can hide or reorder text: control characters, and marks that override the direction of writing. Replaces
// half a character, which JSON or a cut can leave, because the SDK would fail to send the mail.
const printable = (value: string) =>
  value
    .toWellFormed()
    .replace(/\r\n|[\r\v\f\u0085\u2028\u2029]/g, '\n')
    .replaceAll('\t', ' ')
    .replace(/(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '')
