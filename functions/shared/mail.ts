type Values = Record<string, string>

/**
 * Fills a mail's HTML: whatever a value holds is shown as text, never read as markup.
 *
 * `{{name}}` is a value; `{{#name}}…{{/name}}` is kept only if that value is not empty.
 */
export const fillHtml = (template: string, values: Values) =>
  fill(template, values, (value, indent) => indent + escaped(printable(value)))

/**
 * Fills a mail's plain text: no value can begin a line that the template did not indent for it.
 *
 * As `fillHtml`; a placeholder alone on an indented line keeps its value's lines, any other makes one line of them.
 */
export const fillText = (template: string, values: Values) =>
  fill(template, values, (value, indent) =>
    indent ? indent + printable(value).trim().replaceAll('\n', `\n${indent}`) : oneLine(value),
  )

/** Makes one line of a value, without control characters: fit for a subject. */
export const oneLine = (value: string) => printable(value).replace(/\s+/g, ' ').trim()

const fill = (template: string, values: Values, show: (value: string, indent: string) => string) => {
  const valueOf = (name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined
    if (value === undefined) throw new ReferenceError(`A mail's template asks for {{${name}}}, and nobody gave it`)
    return value
  }
  // Blocks first: they are the template's alone, no value has come in yet.
  return template
    .replace(/{{#(\w+)}}\n?([^]*?){{\/\1}}\n?/g, (_, name: string, block: string) => (valueOf(name) ? block : ''))
    .replace(/(^[ \t]+(?={{\w+}}$))?{{([^]*?)}}/gm, (_, indent: string | undefined, name: string) =>
      show(valueOf(name), indent ?? ''),
    )
}

const escaped = (value: string) => value.replace(/[&<>"']/g, (mark) => entities[mark]!)
const entities: Values = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

// What is removed can hide or reorder text: control characters, and the marks that override the direction of writing.
// Half a character, as JSON may hold or a cut may leave, would keep the SDK from sending the mail at all.
const printable = (value: string) =>
  value
    .toWellFormed()
    .replace(/\r\n|[\r\v\f\u0085\u2028\u2029]/g, '\n')
    .replaceAll('\t', ' ')
    .replace(/(?!\n)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '')
