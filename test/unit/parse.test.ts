import { beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod/mini'
import { InvalidInputError, ProtectedAccountError } from '../../functions/shared/errors.ts'
import { allChecks, faultsOf, parseAndCheck, parseInput, parseJson, readJson } from '../../functions/shared/parse.ts'
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
  })

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

describe('parseAndCheck', () => {
  const schema = z.strictObject({
    name: z.string('must be text'),
    code: z.optional(z.string().check(z.regex(/^a+$/, 'must be a'))),
    list: z._default(z.array(z.string()).check(z.maxLength(2, 'must have at most 2')), []),
  })
  type Parsed = z.output<typeof schema>
  const checked: Parsed[] = []
  const refusing = (error: Error) => (parsed: Parsed) => {
    checked.push(parsed)
    return Promise.reject(error)
  }
  beforeEach(() => void (checked.length = 0))

  test('answers the value and the result of the check', async () => {
    expect(await parseAndCheck(schema, { name: 'x' }, (parsed) => Promise.resolve(parsed.list.length))).toEqual({
      parsed: { name: 'x', list: [] },
      checked: 0,
    })
  })

  test('names the wrong fields, and what the check finds in the others, in one error', async () => {
    const more = new InvalidInputError([
      { field: 'list[0]', message: 'is not there' },
      { field: 'code', message: 'is not there either' },
    ])
    await expect(parseAndCheck(schema, { code: 'b', list: ['x'], new: 1 }, refusing(more))).rejects.toThrow(
      'name: is missing; must be text; code: must be a; new: Invalid input; list[0]: is not there',
    )
    // What is missing is an empty text for the check.
    expect(checked).toEqual([{ name: '', code: 'b', list: ['x'] }])
    await expect(
      parseAndCheck(schema, { name: 1 }, refusing(new ProtectedAccountError('list: is protected'))),
    ).rejects.toEqual(
      new InvalidInputError([
        { field: 'name', message: 'must be text' },
        { field: 'list', message: 'is protected' },
      ]),
    )
  })

  test.each([new TypeError('x: is not a function'), new Error('list: AWS fails')])(
    'names only the wrong fields if the check cannot go on: %s',
    async (error) => {
      await expect(parseAndCheck(schema, { name: 1 }, refusing(error))).rejects.toEqual(
        new InvalidInputError([{ field: 'name', message: 'must be text' }]),
      )
    },
  )

  test('does not check what is too large, too deep or not an object', async () => {
    const deep = JSON.parse(`${'['.repeat(100)}${']'.repeat(100)}`) as unknown
    for (const wrong of [{ name: 'x', list: ['a', 'b', 'c'] }, { name: deep }, [deep], 'text', null])
      await expect(parseAndCheck(schema, wrong, refusing(new Error()))).rejects.toThrow(InvalidInputError)
    expect(checked).toEqual([])
  })
})

describe('allChecks', () => {
  const protectedName = new ProtectedAccountError('name: is protected')
  const noUnit = new InvalidInputError([{ field: 'ou', message: 'is not there' }])
  const failure = new Error('AWS fails')
  const fails = (error: Error) => Promise.reject(error)

  test('answers the results', async () => {
    expect(await allChecks([Promise.resolve(1), undefined, Promise.resolve('a')])).toEqual([1, undefined, 'a'])
  })

  test('throws the error of one refusal, one error for several, and another failure if nothing is refused', async () => {
    await expect(allChecks([fails(failure), fails(protectedName)])).rejects.toBe(protectedName)
    await expect(allChecks([fails(protectedName), fails(noUnit), fails(failure)])).rejects.toEqual(
      new InvalidInputError([
        { field: 'name', message: 'is protected' },
        { field: 'ou', message: 'is not there' },
      ]),
    )
    await expect(allChecks([Promise.resolve(1), fails(failure)])).rejects.toBe(failure)
  })

  test('does not take a message of AWS for a fault of a field', () => {
    expect(faultsOf(new Error('User: arn:aws:sts::111122223333:assumed-role/x is not authorized'))).toEqual([])
    expect(faultsOf(Object.assign(new Error('rate: exceeded'), { name: 'ThrottlingException' }))).toEqual([])
    expect(faultsOf(new ProtectedAccountError('ou: is protected'))).toEqual([{ field: 'ou', message: 'is protected' }])
    expect(faultsOf(new ProtectedAccountError('no field'))).toEqual([])
  })
})
