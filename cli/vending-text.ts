import { Document, isMap, isScalar, parseDocument } from 'yaml'

/** A value that `vend init` writes. Undefined leaves the key out. */
export type Value = string | string[] | undefined

const options = { lineWidth: 0, singleQuote: true, blockQuote: false, flowCollectionPadding: false } as const
/** The most columns of a list on one line, as in the example vending.yml. */
const width = 120

const lineOf = (key: string, value: string | string[]) => {
  const document = new Document()
  const write = (flow: boolean) => {
    document.contents = document.createNode({ [key]: document.createNode(value, { flow }) })
    return document.toString(options).trimEnd()
  }
  const line = write(true)
  return line.length > width ? write(false) : line
}

/** Where the key and its value are in the text; undefined if the text does not have the key. */
const placeOf = (text: string, key: string) => {
  const { contents } = parseDocument(text)
  const pair = isMap(contents) && contents.items.find((item) => isScalar(item.key) && item.key.value === key)
  if (!pair || !isScalar(pair.key)) return undefined
  const start = pair.key.range?.[0] ?? 0
  const { range } = pair.value as { range?: [number, number, number] }
  // The range of a block ends behind its line break.
  return { start, end: start + text.slice(start, range?.[1]).trimEnd().length }
}

/** The part of the text that has the key with its value. */
export const partOf = (text: string, key: string) => {
  const place = placeOf(text, key)
  return place && text.slice(place.start, place.end)
}

/**
 * Sets one key of a `vending.yml`, and leaves the rest of the text as it is. A key that is there as a comment
 * (`# approval: required`) takes the place of the comment, and a key without a value becomes a comment.
 */
export const withValue = (text: string, key: string, value: Value): string => {
  const place = placeOf(text, key)
  const linesBreak = text.includes('\r\n') ? '\r\n' : '\n'
  const line = value === undefined ? undefined : lineOf(key, value).replaceAll('\n', linesBreak)
  if (place) {
    const before = text.slice(place.start, place.end)
    return text.slice(0, place.start) + (line ?? before.replace(/^/gm, '# ')) + text.slice(place.end)
  }
  if (line === undefined) return text
  const comment = new RegExp(`^# ${key}: .*$`, 'm')
  return comment.test(text) ? text.replace(comment, () => line) : `${text.trimEnd()}${linesBreak}${line}${linesBreak}`
}
