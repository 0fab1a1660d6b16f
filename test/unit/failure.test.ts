import { expect, test } from 'vitest'
import { explanations, unforeseen } from '../../functions/shared/explanations.ts'
import { errorOf, explanationOf, hasFailed, sentenceOf } from '../../functions/shared/failure.ts'

test.each([
  ['FAILED', 'GroupNotOursError', 'GroupNotOursError', explanations['GroupNotOursError']],
  ['FAILED', undefined, 'Failed', unforeseen],
  ['FAILED', 'constructorless', 'constructorless', unforeseen],
  ['TIMED_OUT', undefined, 'States.Timeout', explanations['States.Timeout']],
  ['ABORTED', undefined, 'Aborted', explanations['Aborted']],
  // A person who stops an execution may give the error a name.
  ['ABORTED', 'WrongAccount', 'WrongAccount', explanations['Aborted']],
  ['ABORTED', 'GroupNotOursError', 'GroupNotOursError', explanations['Aborted']],
  // Records of version 0.1.0 do not have a status.
  [undefined, 'Aborted', 'Aborted', explanations['Aborted']],
  [undefined, 'States.Timeout', 'States.Timeout', explanations['States.Timeout']],
])('an execution that is %s with the error %s is reported as %s', (status, error, name, explanation) => {
  expect(errorOf({ status, error })).toBe(name)
  expect(explanationOf({ status, error })).toBe(explanation)
})

test.each([
  ['FAILED', true],
  ['TIMED_OUT', true],
  ['ABORTED', true],
  ['SUCCEEDED', false],
  ['RUNNING', false],
  ['PENDING_REDRIVE', false],
  [undefined, false],
])('hasFailed of %s', (status, failed) => {
  expect(hasFailed(status)).toBe(failed)
})

test.each([
  ['{"errorType":"E","errorMessage":"the reason","trace":[]}', 'the reason'],
  ['typed the wrong id', 'typed the wrong id'],
  ['"quoted"', '"quoted"'],
  [
    `The JSONPath '$.account.id' could not be found in the input '{"email":"it's@example.com"}'`,
    "The JSONPath '$.account.id' could not be found in the input",
  ],
  ['', ''],
  [undefined, ''],
])('the sentence in the cause %o', (cause, sentence) => {
  expect(sentenceOf(cause)).toBe(sentence)
})
