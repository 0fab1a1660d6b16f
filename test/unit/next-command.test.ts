import { describe, expect, test } from 'vitest'
import { inputOf, openRequest } from '../../functions/shared/new-account.ts'
import { explainFailure, nextCommand, sameRequest, showCommand } from '../../functions/shared/next-command.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import { accountCreated } from '../support/events.ts'

const executionArn = `arn:aws:states:us-east-1:111122223333:execution:account-vending-prod:open-${'a'.repeat(32)}`
const stateMachineArn = 'arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-prod'
/** The input of the execution that carries out a request, as the API starts it. */
const opening = (more: object = {}) => {
  const body = parseInput(openRequest, { name: 'Sandbox', email: 'sandbox@example.com', ...more })
  return JSON.stringify({ ...inputOf(body), requestId: 'a'.repeat(32), requestedBy: 'somebody' })
}
const target = (input: string) => ({ accountId: 'sandbox@example.com', input, options: ' --region us-east-1' })
const execution = (error: string, input = opening()) => ({
  executionArn,
  stateMachineArn,
  startDate: new Date(),
  status: 'FAILED' as const,
  error,
  input,
})
const next = (error: string, input?: string) =>
  nextCommand(
    { status: 'FAILED', error },
    { accountId: 'sandbox@example.com', options: '', target: executionArn, execution: execution(error, input) },
  )

describe('the command that asks for the same account again', () => {
  test('has options where they can say everything', () => {
    expect(sameRequest(target(opening()))).toEqual({
      command: 'npx vend open Sandbox sandbox@example.com --region us-east-1',
    })
    const more = { name: 'My sandbox', ou: 'Workloads/My box', admins: [{ userName: 'ada', email: 'ada@example.com' }] }
    expect(sameRequest(target(opening(more)))).toEqual({
      command:
        "npx vend open 'My sandbox' sandbox@example.com --ou 'Workloads/My box' --admin ada=ada@example.com --region us-east-1",
    })
  })

  test.each([
    { tags: { team: 'a' } },
    { alternateContacts: { billing: { name: 'Ada', title: 'CFO', email: 'ada@example.com', phone: '1' } } },
    { admins: [{ userName: 'ada', policies: ['ReadOnlyAccess'] }] },
    { groups: [{ name: 'Readers', policies: ['ReadOnlyAccess'] }] },
  ])('names a file for %j', (more) => {
    const { command, request } = sameRequest(target(opening(more)))
    expect(command).toBe('npx vend open --file request.json --region us-east-1')
    expect(request).toEqual({ name: 'Sandbox', email: 'sandbox@example.com', ...more })
    // The file is the same request.
    expect(opening(request)).toBe(opening(more))
  })
})

describe('after a removal', () => {
  const removing = (remove: unknown) => JSON.stringify({ accountId: '444455556666', remove, requestedBy: 'somebody' })
  const failed = (error: string, remove: unknown) => ({
    ...nextCommand(
      { status: 'FAILED', error },
      {
        accountId: '444455556666',
        options: ' --region us-east-1',
        target: '444455556666',
        execution: execution(error, removing(remove)),
      },
    ),
    aws: explainFailure(execution(error, removing(remove)), 'FAILED', { accountId: '444455556666', isOnRecord: true })
      .awsCommand,
  })

  test.each([
    [{ what: 'everything' }, ''],
    [{ what: 'everything', userName: 'ada' }, ' ada'],
    [{ what: 'everything', userName: '=ada', lastWayIn: true }, ' =ada --last-way-in'],
    [{ what: 'sign-in', userName: 'ada', unclaimed: true }, ' ada --sign-in --unclaimed'],
  ])('%j is asked for again by the command’s options', (remove, options) => {
    const input = removing(remove)
    expect(sameRequest({ accountId: '444455556666', input, options: ' --stage dev' })).toEqual({
      command: `npx vend remove 444455556666${options} --stage dev`,
    })
  })

  test('a removal of the last way in is confirmed', () => {
    const { goOn, command, advice, aws } = failed('LastWayInError', { what: 'sign-in', userName: 'ada' })
    expect({ goOn, command }).toEqual({
      goOn: 'correct',
      command: 'npx vend remove 444455556666 ada --sign-in --last-way-in --region us-east-1',
    })
    expect(advice).toMatch(/confirm that the last users with a password may be removed:$/)
    expect(aws).toContain('"remove":{"what":"sign-in","userName":"ada","lastWayIn":true}')
  })

  test.each(['UserNotOnRecordError', 'UserKeptError'])('%s asks for another user', (error) => {
    const { command, aws } = failed(error, { what: 'everything', userName: 'eve' })
    expect(command).toBe('npx vend remove 444455556666 USER --region us-east-1')
    expect(aws).toContain('"userName":"USER"')
  })

  test('what failed in the middle is redriven', () => {
    expect(failed('DeleteConflictException', { what: 'everything' }).command).toBe(
      'npx vend redrive 444455556666 --region us-east-1',
    )
  })

  test('a request that was not valid is made again by hand', () => {
    expect(failed('InvalidInputError', 'everything').command).toBe('npx vend remove 444455556666 --region us-east-1')
  })
})

test('a failed opening is redriven by its execution, corrected in a file, or asked for again', () => {
  expect(next('AccountNotOpenError').command).toBe(`npx vend redrive ${executionArn}`)
  expect(next('InvalidInputError')).toMatchObject({
    goOn: 'correct',
    command: 'npx vend open --file request.json',
    request: { name: 'Sandbox', email: 'sandbox@example.com' },
  })
})

test('after an address that an account has already, a person changes the address first', () => {
  const { advice, ...shown } = next('EmailAlreadyExistsError')
  expect(advice).toBe(
    'In the request, replace the value of “email” with an address that no AWS account has. Correct the request, and start again:',
  )
  expect(showCommand(shown)).toBe(
    'Correct this line, and save it as request.json:\n' +
      '  {"name":"Sandbox","email":"sandbox@example.com"}\nThen:\n  npx vend open --file request.json',
  )
})

test('the command of the AWS CLI has the refused input, and the words before it say so', () => {
  const explained = (error: string) =>
    explainFailure(execution(error), 'FAILED', { accountId: undefined, isOnRecord: false })
  expect(explained('EmailAlreadyExistsError')).toMatchObject({
    awsWords: 'Or correct the input in this command, and run the command with the AWS CLI',
    awsCommand: expect.stringContaining('start-execution') as string,
  })
  expect(explained('AccountCreationFailedError').awsWords).toBe('Or with the AWS CLI')
})

test('an opening that nobody has approved is asked for with npx vend open, and cannot be started around it', () => {
  const explained = explainFailure(execution('ApprovalRequiredError'), 'FAILED', {
    accountId: undefined,
    isOnRecord: false,
  })
  expect(explained).toMatchObject({ command: 'npx vend open Sandbox sandbox@example.com --region us-east-1' })
  expect(explained.awsCommand).toBe('')
})

describe('the command for the AWS CLI', () => {
  const explained = (error: string) =>
    explainFailure(execution(error), 'FAILED', { accountId: undefined, isOnRecord: false })

  test('starts the same input, whose request the ledger has', () => {
    expect(explained('AutoEnrolmentOffError').awsCommand).toContain(`--input '${opening()}'`)
  })

  test.each(['InvalidInputError', 'EmailAlreadyExistsError'])(
    'does not name the request after %s: the ledger refuses a corrected input for that request',
    (error) => {
      const { awsCommand, command } = explained(error)
      const { requestId: _, requestedBy: __, ...input } = JSON.parse(opening()) as Record<string, unknown>
      expect(awsCommand).toContain(`--input '${JSON.stringify(input)}'`)
      expect(command).toBe('npx vend open --file request.json --region us-east-1')
    },
  )
})

test('an event, whose field `account` is an account’s id, opens no account', () => {
  const { command } = sameRequest({
    ...target(JSON.stringify(accountCreated('444455556666'))),
    accountId: '444455556666',
  })
  expect(command).toBe('npx vend start 444455556666 --region us-east-1')
})
