import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { partOf, withValue } from '../../cli/vending-text.ts'
import { exampleVending } from '../support/organization.ts'

const example = readFileSync(exampleVending, 'utf8')

test('a value changes, and every other character of the file stays', () => {
  const after = withValue(example, 'organizationName', 'Our: Company')
  expect(after).toBe(example.replace('organizationName: Example Organization', "organizationName: 'Our: Company'"))
  expect(withValue(after, 'organizationName', 'Example Organization')).toBe(example)
})

test.each([
  ['a text', 'contact', 'Ask "ops", #help, or 1: 2'],
  ['a text like a number', 'contact', '4711'],
  ['a text of several lines', 'handover', 'Ask the platform team.\n\nThey know: everything'],
  ['no entries', 'notify', []],
  ['two entries', 'notify', ['a@example.org', 'b@example.org']],
  [
    'entries that do not fit on one line',
    'operators',
    ['a', 'b', 'c'].map((name) => `arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*/${name}_?*`),
  ],
])('%s can be read back', (_, key, value) => {
  const after = withValue(example, key, value)
  expect(parse(after)).toEqual({ ...(parse(example) as object), [key]: value })
  expect(Math.max(...after.split('\n').map((line) => line.length))).toBeLessThanOrEqual(120)
})

test('a key takes the place of its comment, and becomes a comment again', () => {
  const after = withValue(example, 'approval', 'required')
  expect(after).toBe(example.replace('\n# approval: required', '\napproval: required'))
  expect(withValue(after, 'approval', undefined)).toBe(example)
  expect(withValue(example, 'approval', undefined)).toBe(example)
})

test('what is beside and between the values stays', () => {
  const text = 'a:\n  - x\n  - y\n\n# about b\nb: # nothing yet\nc: 1 # one\n'
  expect(withValue(text, 'a', ['z'])).toBe('a: [z]\n\n# about b\nb: # nothing yet\nc: 1 # one\n')
  expect(withValue(text, 'b', 'now')).toBe('a:\n  - x\n  - y\n\n# about b\nb: now # nothing yet\nc: 1 # one\n')
  expect(withValue(text, 'c', 'two')).toBe('a:\n  - x\n  - y\n\n# about b\nb: # nothing yet\nc: two # one\n')
  expect(partOf(text, 'a')).toBe('a:\n  - x\n  - y')
  expect(partOf(text, 'd')).toBeUndefined()
})

test('a key that is nowhere in the file comes at the end', () => {
  expect(withValue('a: 1\n', 'b', ['c'])).toBe('a: 1\nb: [c]\n')
})

test('the line breaks of Windows stay', () => {
  const windows = example.replaceAll('\n', '\r\n')
  const operators = ['a', 'b', 'c'].map((name) => `arn:aws:iam::111122223333:role/a-long-path-to-a-role/${name}`)
  const after = withValue(withValue(windows, 'operators', operators), 'sender', 'a@example.org')
  expect(after.replaceAll('\r\n', '')).not.toContain('\n')
  expect(parse(after)).toMatchObject({ operators, sender: 'a@example.org' })
})
