import { expect, test } from 'vitest'
import { placeOf, vendOf } from '../../functions/shared/vend.ts'
import { aVend } from '../support/builders.ts'

test.each([
  [aVend().executionArn, { partition: 'aws', region: 'us-east-1', managementAccountId: '111122223333' }],
  [
    'arn:aws-us-gov:states:us-gov-west-1:111122223333:stateMachine:vend',
    { partition: 'aws-us-gov', region: 'us-gov-west-1', managementAccountId: '111122223333' },
  ],
  ['', { partition: '', region: '', managementAccountId: '' }],
])('placeOf reads where the workflow runs from %s', (arn, place) => {
  expect(placeOf(arn)).toEqual(place)
})

test('vendOf names each execution’s vend by 32 hexadecimal digits, the same each time', () => {
  const [one, again, other] = ['one', 'one', 'other'].map((name) => vendOf(`arn:aws:states:x:1:execution:vend:${name}`))
  expect(one?.id).toMatch(/^[\da-f]{32}$/)
  expect(again).toEqual(one)
  expect(other?.id).not.toBe(one?.id)
})
