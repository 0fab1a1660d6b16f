type Values = Record<string, string>

/**
 * Fills the HTML of a mail. The content of a value is shown as text and never interpreted as markup.
 *
 * `{{name}}` is replaced by a value. `{{#name}}…{{/name}}` is kept only if that value is not empty.
 * `{{wbr:name}}` is a URL whose lines break after dots and slashes. `{{li:name}}` makes a list item of each line of the
 * value.
 */
export const fillHtml = (template: string, values: Values) =>
  fill(template, values, (value, { indent, form }) => {
    const text = printable(value)
    // An element, because it adds no character to what a person copies.
    if (form === 'wbr')
      return text
        .split(/(?<=[./#])(?![./#])/)
        .map(escaped)
        .join('<wbr>')
    if (form === 'li')
      return text
        .split('\n')
        .map((line) => `<li>${escaped(line)}</li>`)
        .join('')
    return indent + escaped(text)
  })

/**
 * Fills the plain text of a mail. No value can begin a line, except where the template indents the value.
 *
 * Placeholders are as in `fillHtml`. A placeholder that stands alone on an indented line keeps the lines of its value.
 * Any other placeholder makes one line of its value.
 */
export const fillText = (template: string, values: Values) =>
  fill(template, values, (value, { indent, form }) => {
    if (!indent) return oneLine(value)
    const start = form === 'li' ? `${indent}– ` : indent
    return start + printable(value).trim().replaceAll('\n', `\n${start}`)
  })

/** Makes one line of a text, without control characters, for a subject for example. */
export const oneLine = (value: string) => printable(value).replace(/\s+/g, ' ').trim()

/** A time in a mail: 2026-11-27 09:31 UTC. */
export const utcTime = (iso: string) => iso.replace(/T(\d\d:\d\d).*/, ' $1 UTC')

/** Where a placeholder stands: what indents a placeholder that is alone on its line, and `wbr` or `li`. */
type Place = { indent: string; form: string | undefined }

const fill = (template: string, values: Values, show: (value: string, place: Place) => string) => {
  const valueOf = (name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new ReferenceError(`The mail template uses {{${name}}}, which has no value`)
    return value
  }
  const withBlocks = (text: string): string =>
    text.replace(/{{#(\w+)}}\n?([^]*?){{\/\1}}\n?/g, (_, name: string, block: string) =>
      valueOf(name) ? withBlocks(block) : '',
    )
  // Blocks first: at this point the text contains no values yet, so every block is the template's own.
  return withBlocks(template).replace(
    /(^[ \t]+(?={{(?:li:)?\w+}}$))?{{(?:(wbr|li):)?([^]*?)}}/gm,
    (_, indent: string | undefined, form: string | undefined, name: string) =>
      show(valueOf(name), { indent: indent ?? '', form }),
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
