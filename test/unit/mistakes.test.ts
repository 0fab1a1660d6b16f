import { expect, test } from 'vitest'
import foundIn from '../simulation/found-in.json' with { type: 'json' }
import * as fuzz from '../fuzz/mistakes.ts'
import { definitionWith, textWith } from '../simulation/mistake.ts'
import { mistakes } from '../simulation/mistakes.ts'

// Whoever changes the code learns here that a planted mistake must follow. That each is found: npm run test:tools, and
// npm run simulate -- --self-test.

test.each([...mistakes, ...fuzz.mistakes, ...fuzz.mistakesWithApprovals])(
  'the mistake fits the present code: $name',
  (mistake) => {
    expect(() => ('file' in mistake ? textWith(mistake) : definitionWith(mistake))).not.toThrow()
  },
)

test('each mistake for which a world is on record is still made', () => {
  expect(mistakes.map(({ name }) => name)).toEqual(expect.arrayContaining(Object.keys(foundIn)))
})
