import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { matchesAction, matchesAny, matchesPattern, patternsOverlap } from '../../functions/shared/policy.ts'

test.each([
  ['*', 'iam:CreateUser', true],
  ['*', '', true],
  ['iam:*', 'iam:CreateUser', true],
  ['IAM:create*', 'iam:CreateUser', false],
  ['iam:*User', 'iam:CreateUser', true],
  ['iam:*User', 'iam:CreateUserProfile', false],
  ['iam:Create?ser', 'iam:CreateUser', true],
  ['iam:Create?ser', 'iam:Createser', false],
  ['iam:C*e*r', 'iam:CreateUser', true],
  ['iam.CreateUser', 'iam:CreateUser', false],
  ['s3:*', 'iam:CreateUser', false],
  ['', 'iam:CreateUser', false],
  ['a*b*c', 'abcabc', true],
  ['a*b*c', 'abcab', false],
  ['(*', '(a', true],
])('%s matches %s: %o', (pattern, text, matches) => {
  expect(matchesPattern(pattern, text)).toBe(matches)
})

// Anybody in the organization can write a policy's pattern. As a regular expression, this pattern would take years.
test('a pattern with many stars is matched quickly', () => {
  const text = `iam:${'a'.repeat(5000)}`
  expect(matchesPattern(`iam:${'*'.repeat(40)}Z`, text)).toBe(false)
  expect(matchesPattern(`iam:${'*a'.repeat(40)}Z`, text)).toBe(false)
})

test('matchesPattern agrees with a regular expression', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 8 }).map((all) => all.join(''))
  const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }).map((all) => all.join(''))
  fc.assert(
    fc.property(letters, text, (pattern, text) => {
      const expected = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
      expect(matchesPattern(pattern, text)).toBe(expected)
    }),
    { numRuns: 2000 },
  )
})

test('case is ignored in an action, and counts in an ARN', () => {
  expect(matchesAction(['IAM:create*'], 'iam:CreateUser')).toBe(true)
  expect(matchesAny(['arn:aws:iam::*:USER/ada'], 'arn:aws:iam::1:user/ada')).toBe(false)
})

test('one matching pattern of several is enough, and an empty list matches nothing', () => {
  expect(matchesAny(['s3:*', 'iam:*'], 'iam:CreateUser')).toBe(true)
  expect(matchesAny('iam:*', 'iam:CreateUser')).toBe(true)
  expect(matchesAny([], 'iam:CreateUser')).toBe(false)
  expect(matchesAny(undefined, 'iam:CreateUser')).toBe(false)
})

test.each([
  ['role/a', 'role/a', true],
  ['role/a', 'role/b', false],
  ['role/*', 'role/b', true],
  ['role/a*', 'role/*b', true],
  ['role/a*', 'role/b*', false],
  ['role/?', 'role/ab', false],
  ['role/?*', 'role/', false],
  ['role/*/x', 'role/team*', true],
  ['*', '', true],
  ['', '', true],
])('some text matches both %s and %s: %o', (a, b, overlap) => {
  expect([patternsOverlap(a, b), patternsOverlap(b, a)]).toEqual([overlap, overlap])
})

test('patternsOverlap finds the same as a search of all texts', () => {
  const pattern = fc.array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 4 }).map((all) => all.join(''))
  const longer = (texts: string[]) => texts.flatMap((text) => [`${text}a`, `${text}b`])
  const texts = Array.from({ length: 8 })
    .reduce<string[][]>((all) => [...all, longer(all.at(-1)!)], [['']])
    .flat()
  fc.assert(
    fc.property(pattern, pattern, (a, b) => {
      expect(patternsOverlap(a, b)).toBe(texts.some((text) => matchesPattern(a, text) && matchesPattern(b, text)))
    }),
    { numRuns: 1000 },
  )
})
