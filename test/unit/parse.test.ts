import { describe, expect, test } from 'vitest'
import * as z from 'zod/mini'
import { parseInput, parseJson, readJson } from '../../functions/shared/parse.ts'
import { issuesOf } from '../support/builders.ts'

test('readJson reads a text that begins with a byte order mark, as editors on Windows write it', () => {
  expect(readJson('\ufeff{"a":1}')).toEqual({ a: 1 })
  expect(readJson('{"a":"\ufeff"}')).toEqual({ a: '\ufeff' })
  for (const wrong of ['', '\ufeff', '{', '{}\ufeff']) expect(() => readJson(wrong)).toThrow(SyntaxError)
  // What AWS hands on has no mark: AWS itself would refuse the mark.
  expect(parseJson('\ufeff{}')).toBeUndefined()
})

const input = z.object({ userName: z.string('must be text') })

describe('parseInput', () => {
  const schema = z.object({
    list: z.array(z.object({ name: z.string('must be text') })),
    record: z.record(z.string(), input),
  })

  test('names every wrong field, and what is allowed there', () => {
    const wrong = { list: [{ name: 'a' }, { name: 1 }], record: { x: { userName: 2 } } }
    expect(issuesOf(() => parseInput(schema, wrong))).toEqual([
      { field: 'list[1].name', message: 'must be text' },
      { field: 'record.x.userName', message: 'must be text' },
    ])
    expect(() => parseInput(schema, wrong)).toThrow('list[1].name: must be text; record.x.userName: must be text')
  })

  test('names the first 20 of many wrong fields and says how many more there are', () => {
    const strict = z.strictObject({})
    const keys = Array.from({ length: 100_000 }, (_, i) => `${i}`)
    const wrong = (amount: number) => Object.fromEntries(keys.slice(0, amount).map((key) => [key, 1]))
    const fieldsOf = (amount: number) => issuesOf(() => parseInput(strict, wrong(amount))).map(({ field }) => field)
    expect(fieldsOf(20)).toEqual(keys.slice(0, 20))
    expect(fieldsOf(100_000)).toEqual([...keys.slice(0, 20), 'input'])
    expect(() => parseInput(strict, wrong(23))).toThrow(/; input: is wrong in 3 more places$/)
  }, 2000)

  test('names a very long field by the beginning of its name', () => {
    const [issue] = issuesOf(() => parseInput(z.strictObject({}), { ['x'.repeat(200_000)]: 1 }))
    expect(issue?.field).toBe(`${'x'.repeat(200)}…`)
  })

  test('gives a mistake in the input as a whole the field name `input`', () => {
    expect(issuesOf(() => parseInput(z.string('must be text'), 7))).toEqual([
      { field: 'input', message: 'must be text' },
    ])
  })
})

test('parseInput refuses an input that is nested so deep that recursive code could overflow the stack', () => {
  const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)
  const refused = [{ field: 'input', message: 'must not be nested deeper than 64 levels' }]
  expect(parseInput(z.unknown(), nested(64))).toBeDefined()
  for (const levels of [66, 100_000]) expect(issuesOf(() => parseInput(z.unknown(), nested(levels)))).toEqual(refused)
})

test.each([
  ['{"a":1}', { a: 1 }],
  ['null', null],
  ['', undefined],
  ['{', undefined],
  [undefined, undefined],
])('parseJson of %o', (text, value) => {
  expect(parseJson(text)).toEqual(value)
})
