import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { DescribeTableCommand, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import { SendEmailCommand, type SendEmailRequest, SendRawEmailCommand, SESClient } from '@aws-sdk/client-ses'
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  SFNClient,
} from '@aws-sdk/client-sfn'
import { mockClient } from 'aws-sdk-client-mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { CreateAccountFailureReason, DescribeAccountCommand, OrganizationsClient } from '@aws-sdk/client-organizations'
import { creationFailures } from '../../functions/report-failure/creation-failures.ts'
import { eventOfSweep } from '../../functions/shared/event-shape.ts'
import { explanations } from '../../functions/shared/explanations.ts'
import { reportFailure, reportFailureInput } from '../../functions/report-failure/report-failure.ts'
import * as errors from '../../functions/shared/errors.ts'
import type { AccountRecord } from '../../functions/shared/record-and-lease.ts'
import { parseInput } from '../../functions/shared/parse.ts'
import {
  accountId,
  anOrganizationsAccount,
  anotherVend,
  aRecord,
  aSample,
  aVend,
  aVendedRecord,
  awsError,
  issuesOf,
  ledgerMock,
  operationsOf,
  theDefaults,
} from '../support/builders.ts'
import { asSendEmail } from '../support/mail-operations.ts'

const ses = mockClient(SESClient)
const sfn = mockClient(SFNClient)
const organizations = mockClient(OrganizationsClient)
const { dynamodb, ledger, ...onRecord } = ledgerMock()

const { executionArn } = aVend()
const stateMachineArn = 'arn:aws:states:us-east-1:111122223333:stateMachine:account-vending-dev'
const config = {
  ...theDefaults(),
  sender: 'vending@example.com',
  notify: ['platform@example.com', 'oncall@example.com'],
  protected: { accounts: ['Audit'], organizationalUnits: [] },
  stateMachineArn,
}

type Input = Parameters<typeof reportFailure>[1]
const aStatusEvent = (
  status: 'FAILED' | 'TIMED_OUT' | 'ABORTED' = 'FAILED',
  arn = executionArn,
  stopDate = 1793525000000,
): Input => ({
  source: 'aws.states',
  detail: { executionArn: arn, status, stopDate },
})
const report = (event: Input = aStatusEvent(), overrides: object = {}) =>
  reportFailure(
    { ses: new SESClient({}), sfn: new SFNClient({}), organizations: new OrganizationsClient({}), ledger },
    event,
    { ...config, ...overrides },
  )
const reportSample = (name: string) => report(parseInput(reportFailureInput, aSample(name)))

const isExecution = (overrides: Partial<DescribeExecutionOutput> = {}) =>
  sfn.on(DescribeExecutionCommand).resolves({
    executionArn,
    stateMachineArn,
    status: 'FAILED',
    redriveCount: 0,
    input: JSON.stringify({ accountId }),
    error: 'GroupNotOursError',
    cause: JSON.stringify({
      errorType: 'GroupNotOursError',
      errorMessage: 'The group exists',
      trace: ['line-of-code'],
    }),
    ...overrides,
  })

/** Sets the account's record in the ledger. The ledger also returns the notes that were written. */
const holds = (record: AccountRecord | undefined, handover?: object) => {
  onRecord.holds(record)
  dynamodb.on(GetItemCommand).callsFake(({ Key }: { Key: Record<string, never> }) => {
    const name = String(unmarshall(Key)['pk'])
    if (name.startsWith('account#')) return record ? { Item: marshall(record, { removeUndefinedValues: true }) } : {}
    if (name.startsWith('handover#')) return handover ? { Item: marshall(handover) } : {}
    const note = written().find(({ pk }) => pk === name)
    return note ? { Item: marshall(note) } : {}
  })
}
const written = () =>
  dynamodb.calls().flatMap(({ args: [{ input }] }) => {
    const { Item } = input as { Item?: Record<string, never> }
    return Item ? [unmarshall(Item) as Record<string, unknown>] : []
  })
const notes = () => written().map(({ pk }) => String(pk))
const sent = () =>
  ses
    .calls()
    .map(({ args: [{ input }] }): Partial<SendEmailRequest> & { InReplyTo?: string } =>
      'RawMessage' in input ? asSendEmail(input as Parameters<typeof asSendEmail>[0]) : (input as SendEmailRequest),
    )
const notice = () => {
  const { Subject, Body } = sent().at(-1)?.Message ?? {}
  return { subject: Subject?.Data ?? '', html: Body?.Html?.Data ?? '', text: Body?.Text?.Data ?? '' }
}
/** The lines under a title of the notice. */
const under = (title: string) =>
  new RegExp(`\n${title}:\n\n((?: +.*\n)+)`)
    .exec(notice().text)?.[1]
    ?.trimEnd()
    .split('\n')
    .map((line) => line.trim()) ?? []
const command = () =>
  notice()
    .text.split('\n')
    .find((line) => /^ {2}(npx|aws) /.test(line))
    ?.trim() ?? ''
const awsCommand = () => under('Or with the AWS CLI')[0] ?? ''
const savedFile = () => under('Save this line as request.json')[0] ?? ''
const correctedFile = () => under('Correct this line, and save it as request.json')[0] ?? ''

beforeEach(() => {
  holds(aRecord())
  ses.reset()
  ses.onAnyCommand().resolves({})
  ses.on(SendEmailCommand).resolves({ MessageId: 'message-1' })
  ses.on(SendRawEmailCommand).resolves({ MessageId: 'message-2' })
  sfn.reset()
  sfn.onAnyCommand().resolves({})
  isExecution()
  organizations.reset()
  organizations.on(DescribeAccountCommand).resolves({ Account: anOrganizationsAccount() })
})

describe('an execution that failed', () => {
  test('is mailed to the addresses of vending.yml, recorded, and noted', async () => {
    expect(await report()).toEqual({ told: config.notify })
    expect(operationsOf(sfn)).toEqual(['DescribeExecution'])
    expect(operationsOf(organizations)).toEqual([])
    expect(operationsOf(dynamodb)).toEqual([
      'GetItem',
      'GetItem',
      'GetItem',
      'GetItem',
      'PutItem',
      'PutItem',
      'UpdateItem',
    ])
    expect(onRecord.changes()).toEqual([
      {
        set: {
          status: 'FAILED',
          updatedAt: expect.any(String) as string,
          failure: {
            status: 'FAILED',
            error: 'GroupNotOursError',
            cause: 'The group exists',
            at: expect.any(String) as string,
          },
        },
        remove: [],
      },
    ])
    expect(notes()[0]).toBe(`failure#${executionArn}#1793525000000#FAILED`)
    expect(notes().slice(1)).toEqual([expect.stringMatching(/^failure#.*#[\da-f]{32}$/)])
    expect(sent()[0]).toMatchObject({
      Source: config.sender,
      Destination: { ToAddresses: config.notify },
      Message: { Subject: { Data: `Vending account Payments (${accountId}) failed: GroupNotOursError` } },
    })
  })

  test('is explained in words, with its cause, and without a trace', async () => {
    await report()
    const { html, text } = notice()
    for (const body of [html, text]) {
      expect(body.replace(/\s+/g, ' ')).toContain(
        'A group with a requested name already exists in the account and gives permissions other than the requested ones.',
      )
      expect(body).toContain('The group exists')
      expect(body).toContain(executionArn)
      expect(body).not.toMatch(/line-of-code|{{|}}|undefined/)
    }
  })

  test('links the runbook, if there is one', async () => {
    await report(aStatusEvent(), { runbook: 'https://wiki.example.com/vending' })
    expect(notice().text).toContain('Runbook: https://wiki.example.com/vending')
    expect(notice().html).toContain('href="https://wiki.example.com/vending"')
  })

  test('is mailed with the configuration set of vending.yml', async () => {
    await report(aStatusEvent(), { configurationSet: 'vending' })
    expect(sent()[0]?.ConfigurationSetName).toBe('vending')
  })

  test('with an unknown error name is reported too', async () => {
    isExecution({ error: 'TypeError', cause: 'x is not a function' })
    await report()
    expect(notice().subject).toBe(`Vending account Payments (${accountId}) failed: TypeError`)
    expect(notice().text).toContain('with an error that this service does not know')
    expect(under('Cause')).toEqual([])
    expect(under('Cause, word for word')).toEqual(['x is not a function'])
    expect(awsCommand()).toContain('redrive-execution')
  })

  test.each([
    ['TIMED_OUT', 'States.Timeout', 'took longer than allowed'],
    ['ABORTED', 'Aborted', 'Somebody stopped the execution'],
  ] as const)('with the status %s is called %s', async (status, name, words) => {
    isExecution({ status, error: undefined, cause: undefined })
    await report(aStatusEvent(status))
    expect(notice().subject).toBe(`Vending account Payments (${accountId}) failed: ${name}`)
    expect(notice().text.replace(/\s+/g, ' ')).toContain(words)
    expect(under('Cause')).toEqual([])
    expect(onRecord.changes()[0]?.set['failure']).toMatchObject({ error: name })
  })

  test('is reported with the reason that was given for its abort', async () => {
    isExecution({ status: 'ABORTED', error: 'WrongAccount', cause: 'I meant another' })
    await report(aStatusEvent('ABORTED'))
    expect(notice().subject).toContain('WrongAccount')
    expect(notice().text).toContain('Somebody stopped the execution')
    expect(under('Cause')).toEqual(['I meant another'])
  })

  test('is reported with quotations shown as text', async () => {
    isExecution({ error: 'Oops', cause: '<img src=x onerror=alert(1)>\nExecution: forged' })
    await report()
    expect(notice().html).not.toContain('<img')
    expect(notice().html).toContain('&lt;img src=x')
    expect(notice().text).not.toMatch(/^Execution: forged/m)
  })
})

describe('the account of the execution', () => {
  test.each([
    ['a manual request', JSON.stringify({ accountId }), `Vending account Payments (${accountId}) failed`],
    [
      'an event',
      JSON.stringify(aSample('create-account-result-succeeded')),
      `Vending account Payments (${accountId}) failed`,
    ],
    ['an event about none', JSON.stringify(aSample('create-account-by-role')), 'A request for account vending failed'],
    ['what is not JSON', 'oops', 'A request for account vending failed'],
    ['null', 'null', 'A request for account vending failed'],
    ['a wrong account id', '{"accountId":"4444"}', 'A request for account vending failed'],
    ['nothing', undefined, 'A request for account vending failed'],
  ])('is known from %s', async (_, input, title) => {
    isExecution({ input, error: 'InvalidInputError' })
    await report()
    expect(notice().subject).toBe(`${title}: InvalidInputError`)
    expect(onRecord.changes()).toHaveLength(title.includes(accountId) ? 1 : 0)
  })
})

describe('running twice', () => {
  test('reports once for each execution, redrive and status', async () => {
    expect(await report()).toEqual({ told: config.notify })
    expect(await report()).toEqual({ told: [] })
    expect(sent()).toHaveLength(1)
  })

  test('reports again after a redrive, for another status, and for another execution', async () => {
    await report()
    await report(aStatusEvent('FAILED', executionArn, 1793525099000))
    await report(aStatusEvent('ABORTED'))
    isExecution({ executionArn: anotherVend().executionArn })
    await report(aStatusEvent('FAILED', anotherVend().executionArn))
    expect(sent()).toHaveLength(4)
    expect(new Set(notes().filter((name) => /#(FAILED|ABORTED)$/.test(name))).size).toBe(4)
  })

  test('reports again if the mail was not sent, because the note is written after SES answers', async () => {
    ses.on(SendEmailCommand).rejectsOnce(awsError('Throttling')).resolves({ MessageId: 'message-1' })
    await expect(report()).rejects.toMatchObject({ name: 'Throttling' })
    expect(notes()).toEqual([])
    expect(await report()).toEqual({ told: config.notify })
  })

  test.each(['create-account-result-failed', 'create-managed-account-failed', 'update-managed-account-failed'])(
    'reports %s once',
    async (name) => {
      expect(await reportSample(name)).toEqual({ told: config.notify })
      expect(await reportSample(name)).toEqual({ told: [] })
    },
  )

  test('reports a failed creation once, even if its event comes under two ids', async () => {
    const event = aSample('create-account-result-failed')
    await report(parseInput(reportFailureInput, event))
    expect(await report(parseInput(reportFailureInput, { ...event, id: 'another' }))).toEqual({ told: [] })
  })

  test('reports the failure of a redrive, even if the first failure’s event came late, during the redrive', async () => {
    isExecution({ status: 'RUNNING', redriveCount: 1, redriveDate: new Date(1793525050000) })
    await report()
    isExecution({ status: 'FAILED', redriveCount: 1 })
    expect(await report(aStatusEvent('FAILED', executionArn, 1793525099000))).toEqual({ told: config.notify })
  })

  test('waits until Step Functions shows the end, because the cause is not known earlier', async () => {
    isExecution({ status: 'RUNNING' })
    await expect(report()).rejects.toMatchObject({ name: 'ExecutionNotSettledError' })
    expect(sent()).toEqual([])
    isExecution()
    expect(await report()).toEqual({ told: config.notify })
  })

  test('does not mark an execution as failed while a redrive runs it again', async () => {
    isExecution({ status: 'RUNNING', redriveCount: 1, redriveDate: new Date(1793525050000) })
    await report()
    expect(onRecord.changes()).toEqual([])
  })
})

describe('the command that continues', () => {
  const redriveByAws = (arn = executionArn, region = 'us-east-1') =>
    `aws stepfunctions redrive-execution --region ${region} --execution-arn '${arn}'`
  const startByAws = (input: string) =>
    `aws stepfunctions start-execution --region us-east-1 --state-machine-arn '${stateMachineArn}' --input ${input}`

  test.each(Object.entries(explanations))('after %s is the one that its explanation says', async (name, { goOn }) => {
    isExecution(name === 'Aborted' ? { error: undefined } : { error: name })
    await report(aStatusEvent(name === 'Aborted' ? 'ABORTED' : 'FAILED'))
    expect([command(), awsCommand()]).toEqual(
      {
        redrive: [`npx vend redrive ${accountId} --stage dev --region us-east-1`, redriveByAws()],
        start: [
          `npx vend start ${accountId} --stage dev --region us-east-1`,
          // No other execution is accepted until somebody has approved the request.
          name === 'ApprovalRequiredError' ? '' : startByAws(`'{"accountId":"${accountId}"}'`),
        ],
        correct: [
          `npx vend start ${accountId} --file request.json --stage dev --region us-east-1`,
          startByAws('file://request.json'),
        ],
      }[goOn],
    )
    expect(correctedFile()).toBe(goOn === 'correct' ? JSON.stringify({ accountId }) : '')
  })

  test.each(Object.keys(explanations))(
    'and the cause come before the lists and the error’s name, after %s',
    async (error) => {
      holds(aRecord({ asked: { groups: ['Administrators'], users: ['ada'] }, steps: {} }))
      isExecution(error === 'Aborted' ? { error: undefined } : { error })
      await report(aStatusEvent(error === 'Aborted' ? 'ABORTED' : 'FAILED'))
      const { html, text } = notice()
      for (const body of [html.replace(/<[^>]*>/g, ''), text]) {
        const places = [explanations[error]?.what.slice(0, 30) ?? '', 'npx vend ', 'Not done', `Error: ${error}`]
        const at = places.map((place) => body.replaceAll('&#39;', "'").lastIndexOf(place))
        expect(at).toEqual([...at].sort((a, b) => a - b))
        expect(at[0]).toBeGreaterThan(0)
      }
      const arns = text.match(/arn:[^\s'"]+/g) ?? []
      expect(arns).toEqual([...new Set(arns)])
      expect(html).toMatch(/<ul [^>]*>\s*<li>groups Administrators<\/li><li>password of ada/)
    },
  )

  const renewal = JSON.stringify({ accountId, renew: 'ada', requestedBy: 'arn:aws:iam::111122223333:user/boss' })
  test.each<[string, string, string]>([
    ['SecretNotFoundError', 'ada', `'{"accountId":"${accountId}","renew":"ada"}'`],
    ['UserNotOnRecordError', 'USER', `'{"accountId":"${accountId}","renew":"USER"}'`],
    ['InvalidInputError', 'USER', `'{"accountId":"${accountId}","renew":"USER"}'`],
  ])('renews the link again after %s', async (error, user, input) => {
    isExecution({ error, input: renewal })
    await report()
    expect([command(), awsCommand()]).toEqual([
      `npx vend link ${accountId} ${user} --stage dev --region us-east-1`,
      startByAws(input),
    ])
    expect(notice().text).not.toContain('request.json')
  })

  test.each<[string, string]>([
    ['ThrottlingException', `npx vend redrive ${accountId} --stage dev --region us-east-1`],
    ['SecretNotFoundError', `npx vend link ${accountId} ada --stage dev --region us-east-1`],
    ['RecipientNotAllowedError', `npx vend link ${accountId} ada --stage dev --region us-east-1`],
    ['InvalidInputError', `npx vend link ${accountId} ada --stage dev --region us-east-1`],
  ])('after %s of a disowned claim redrives, or names the new link with a warning', async (error, expected) => {
    const detail = { accountId, userName: 'ada', at: '2026-11-01T09:21:00.000Z', network: 'n', browser: 'Firefox' }
    const event = { source: 'account-vending', 'detail-type': 'Claim Disowned', detail }
    isExecution({ error, input: JSON.stringify(event) })
    await report()
    expect(command()).toBe(expected)
    const warns = notice().text.replace(/\s+/g, ' ').includes('Somebody else may read the mails to ada')
    expect(warns).toBe(expected.includes(' link '))
    if (warns) expect(awsCommand()).toBe(startByAws(`'{"accountId":"${accountId}","renew":"ada"}'`))
  })

  test('quotes the user of a refused renewal for the shell, and needs a file for a renewal with more fields', async () => {
    isExecution({ error: 'AccountBusyError', input: JSON.stringify({ accountId, renew: '$(x) y' }) })
    await report()
    expect(command()).toBe(`npx vend link ${accountId} '$(x) y' --stage dev --region us-east-1`)
    isExecution({ error: 'InvalidInputError', input: JSON.stringify({ accountId, renew: 'ada', admins: [] }) })
    await report(aStatusEvent('FAILED', executionArn, 1))
    expect(command()).toContain('--file request.json')
  })

  test('names the execution for a redrive if the record has another execution', async () => {
    holds(aRecord({ executionArn: anotherVend().executionArn }))
    isExecution({ error: 'States.Timeout' })
    await report()
    expect(command()).toBe(`npx vend redrive ${executionArn} --stage dev --region us-east-1`)
    // The same ARN again would hide the rest.
    expect(awsCommand()).toBe('')
    expect(notice().text.split(executionArn)).toHaveLength(2)
  })

  test('needs no stage for prod, and reaches no real AWS from the local organization', async () => {
    const inStage = (stage: string) => executionArn.replace('account-vending-dev', `account-vending-${stage}`)
    const of = async (stage: string, endpointUrl?: string) => {
      isExecution({ executionArn: inStage(stage), error: 'States.Timeout' })
      holds(aRecord({ executionArn: inStage(stage) }))
      await report(aStatusEvent('FAILED', inStage(stage), Math.random()), { endpointUrl })
      return [command(), awsCommand()]
    }
    expect((await of('prod'))[0]).toBe(`npx vend redrive ${accountId} --region us-east-1`)
    expect(await of('local', 'http://127.0.0.1:4691')).toEqual([
      `npx vend redrive ${accountId} --local 4691`,
      `AWS_ACCESS_KEY_ID=111122223333 AWS_SECRET_ACCESS_KEY=local ${redriveByAws(inStage('local'))} --endpoint-url http://127.0.0.1:4691`,
    ])
    expect(await of('e2e', 'http://127.0.0.1:4566')).toEqual([
      `npx vend redrive ${accountId} --stage e2e --region us-east-1 --endpoint-url http://127.0.0.1:4566`,
      `${redriveByAws(inStage('e2e'))} --endpoint-url http://127.0.0.1:4566`,
    ])
  })

  test('gives the original request back where a new start is due', async () => {
    const request = { accountId, admins: [{ userName: 'ada', tags: { Team: 'red' } }] }
    isExecution({ input: JSON.stringify({ ...request, requestedBy: 'me' }), error: 'LeaseLostError' })
    await report()
    expect(command()).toBe(`npx vend start ${accountId} --file request.json --stage dev --region us-east-1`)
    expect(JSON.parse(savedFile())).toEqual(request)
  })

  test('starts a vend by account id if an event had started the failed execution', async () => {
    isExecution({ input: JSON.stringify(aSample('create-account-result-succeeded')), error: 'LeaseLostError' })
    await report()
    expect(command()).toBe(`npx vend start ${accountId} --stage dev --region us-east-1`)
    expect(awsCommand()).toContain(`--input '{"accountId":"${accountId}"}'`)
  })

  test('leaves the account id to the reader if it is not known', async () => {
    isExecution({ input: JSON.stringify(aSample('create-account-by-role')), error: 'LeaseLostError' })
    await report()
    expect(command()).toContain('npx vend start ACCOUNT ')
    expect(awsCommand()).toContain(`--input '{"accountId":"ACCOUNT"}'`)
  })

  test.each(["it's", `'; rm -rf / #`, '$(reboot) `reboot` $HOME', 'a"b\\c', "''''", '\\', '! * ? ~ {a,b} | & > <'])(
    'gives the shell the unchanged input: %s',
    async (nasty) => {
      const request = { accountId, admins: [{ userName: 'ada', email: nasty }] }
      isExecution({ input: JSON.stringify(request), error: 'LeaseLostError' })
      await report()
      const print = `() { for a; do printf '%s\\n' "$a"; done; }\n`
      const run = (line: string) =>
        execFileSync('/bin/sh', ['-c', `aws${print}npx${print}${line}`])
          .toString()
          .split('\n')
      expect(run(awsCommand())).toEqual([
        ...['stepfunctions', 'start-execution', '--region', 'us-east-1'],
        ...['--state-machine-arn', stateMachineArn, '--input', JSON.stringify(request), ''],
      ])
      expect(run(command()).slice(0, 5)).toEqual(['vend', 'start', accountId, '--admin', `ada=${nasty}`])
    },
  )

  test('has the execution’s own Region', async () => {
    const arn = 'arn:aws-us-gov:states:us-gov-west-1:111122223333:execution:account-vending-prod:first'
    isExecution({ executionArn: arn })
    await report(aStatusEvent('FAILED', arn))
    expect(command()).toContain('--region us-gov-west-1')
    expect(awsCommand()).toContain('--region us-gov-west-1')
  })
})

describe('a workflow that was changed after the execution started', () => {
  const definitions = (then: string, now: string) => {
    sfn.on(DescribeStateMachineForExecutionCommand).resolves({ definition: then })
    sfn.on(DescribeStateMachineCommand).resolves({ definition: now })
  }

  test('is a reason for a new start: a redrive would run the old workflow', async () => {
    definitions('{"StartAt":"Old"}', '{"StartAt":"New"}')
    isExecution({ error: 'States.Timeout' })
    await report()
    expect(command()).toBe(`npx vend start ${accountId} --stage dev --region us-east-1`)
    expect(awsCommand()).toContain('start-execution')
    expect(under('How to continue').join(' ')).toMatch(/^The workflow was changed .* the same request again/)
    expect(notice().text).not.toContain('edrive the execution')
  })

  test.each(['the same', undefined])('is not assumed if Step Functions answers %s', async (answer) => {
    if (answer) definitions(answer, answer)
    else sfn.on(DescribeStateMachineForExecutionCommand).rejects(awsError('AccessDeniedException'))
    isExecution({ error: 'States.Timeout' })
    await report()
    expect(command()).toContain('npx vend redrive')
  })
})

describe('a redrive that fails', () => {
  const failAgain = (stopDate: number, overrides: Partial<DescribeExecutionOutput> = {}) => {
    isExecution({ redriveCount: 1, ...overrides })
    return report(aStatusEvent('FAILED', executionArn, stopDate))
  }

  test('with the same error and cause is told shortly, and not in full', async () => {
    await report()
    await failAgain(1793525099000)
    expect(sent()).toHaveLength(2)
    const { html, text } = notice()
    for (const body of [html, text]) {
      expect(body).toContain(`Vending account Payments (${accountId}) failed again`)
      expect(body).toContain('The first notice about this execution has the details.')
    }
    // The advice can name the cause.
    expect(under('Cause')).toEqual(['The group exists'])
    expect([under('Done'), under('Not done'), awsCommand()]).toEqual([[], [], ''])
    expect(command()).toContain('npx vend start')
    expect(await failAgain(1793525099000)).toEqual({ told: [] })
  })

  test('answers the first notice, so that mail programs show both in one thread', async () => {
    await report()
    await failAgain(1793525099000)
    await failAgain(1793525199000)
    const [first, ...again] = sent()
    expect(
      again.map(({ Destination, Message, InReplyTo }) => [Destination, Message?.Subject?.Data, InReplyTo]),
    ).toEqual(
      again.map(() => [
        { ToAddresses: config.notify },
        `Re: ${first?.Message?.Subject?.Data}`,
        '<message-1@email.amazonses.com>',
      ]),
    )
    expect(again).toHaveLength(2)
  })

  test.each([
    ['with another error', { error: 'States.Timeout' }],
    ['with another cause', { cause: 'Another group exists' }],
  ])('%s is told in full', async (_, overrides) => {
    await report()
    await failAgain(1793525099000, overrides)
    expect(notice().subject).not.toContain('again')
    expect(under('Not done')).not.toEqual([])
  })
})

describe('what was sent', () => {
  test('is shown with a request that must be corrected', async () => {
    isExecution({ input: '{"accountId":"444455556666","admin":[]}', error: 'InvalidInputError' })
    await report()
    expect(under('Cause')).toContain('The input was: {"accountId":"444455556666","admin":[]}')
    // The API tells the record to everybody who may read the account.
    const failure = onRecord.changes()[0]?.set['failure'] as { cause: string }
    expect(failure.cause).not.toContain('The input was')
  })

  test.each(['create-account-result-succeeded', 'create-account-by-role'])(
    'is the identity of an event for %s, and never an input that nobody sent',
    async (name) => {
      const event = aSample(name)
      isExecution({ input: JSON.stringify(event), error: 'InvalidInputError' })
      await report()
      const { source, time, id, detail } = event
      const identity = [source, detail['eventName'], time, id].map(String).join(', ')
      expect(under('Cause')).toContain(`The input was an event: ${identity}`)
      expect(notice().text).not.toContain('The input was: ')
      expect([savedFile(), correctedFile()]).toEqual(['', ''])
      expect(under('How to continue').join(' ')).toContain('An event cannot be corrected.')
      const failure = onRecord.changes()[0]?.set['failure'] as { cause: string } | undefined
      expect(failure?.cause ?? identity).toContain(identity)
    },
  )

  test('is the sweep for an execution of the sweep', async () => {
    isExecution({ input: JSON.stringify(eventOfSweep(accountId)), error: 'PackedPolicyTooLargeException' })
    await report()
    expect(under('Cause, word for word')).toContain('The daily sweep started this execution.')
  })

  test.each([
    ['no JSON', 'oops'],
    ['nested too deeply', `${'['.repeat(100)}${']'.repeat(100)}`],
  ])('is not shown if it is %s', async (_, input) => {
    isExecution({ input, error: 'InvalidInputError' })
    await report()
    expect(under('Cause')).toEqual(['The group exists'])
  })
})

describe('the name of an account without a record', () => {
  test('comes from Organizations, and may be missing', async () => {
    holds(undefined)
    await report()
    expect(notice().subject).toContain(`account Payments (${accountId}) failed`)
    organizations.on(DescribeAccountCommand).rejects(awsError('AccountNotFoundException'))
    await report(aStatusEvent('FAILED', executionArn, 2))
    expect(notice().subject).toContain(`account ${accountId} failed`)
  })
})

describe('the list of what is done and what is not done', () => {
  const at = '2026-11-01T09:21:00.000Z'
  const begun = (...names: string[]) =>
    Object.fromEntries(
      names.map((name) => {
        const [state = '', userName] = name.split(' ')
        return [name, { state, at, ...(userName && { userName }) }]
      }),
    )
  const asked = { groups: ['Administrators', 'Readers'], users: ['ada', 'Bob'] }
  const mail = (email: string, secretVersion = aVend().id) => ({ messageId: 'message-1', secretVersion, at, email })
  /** SendLoginEmail has begun for this address and this version of the password. */
  const sending = (userName: string, email: string) => ({
    [`SendLoginEmail ${userName}`]: {
      state: 'SendLoginEmail',
      userName,
      at,
      mail: { email, secretVersion: aVend().id },
    },
  })
  const groups = '– groups Administrators, Readers'
  const link = { publicKey: 'key', email: 'bob@example.com', madeAt: at, expiresAt: '2099-11-08T09:21:00.000Z' }
  const box = { ephemeral: 'e', iv: 'i', sealed: 's' }
  const notYet = '– sign-in mail for Bob: mailed, but the link does not work yet; '
  test.each<[string, string, object, boolean, string]>([
    ['not sealed, and a redrive helps', 'ThrottlingException', link, false, `${notYet}a redrive makes the link work`],
    [
      'not sealed, and a redrive cannot help',
      'SecretNotFoundError',
      link,
      false,
      `${notYet}the next vend makes the link work, or mails a new link`,
    ],
    [
      'sealed',
      'ThrottlingException',
      { ...link, box },
      true,
      '– the entry in the ledger that the vend is finished (everything else is done)',
    ],
  ])('says whether a mailed link can be used: %s', async (_, error, made, isMailed, notDone) => {
    const record = aRecord({
      asked: { groups: [], users: ['Bob'] },
      steps: {
        ...begun('StorePassword Bob', 'CreateAdminUser Bob', 'SealPassword Bob'),
        ...sending('Bob', 'bob@example.com'),
      },
      mails: { 'bob bob@example.com': mail('bob@example.com') },
    })
    holds(record, { accountId, userName: 'Bob', secretVersion: aVend().id, links: { id: made }, updatedAt: at })
    isExecution({ error })
    await report()
    expect(under('Done')).toEqual(isMailed ? of('Bob') : of('Bob').slice(0, 2))
    expect(under('Not done')).toEqual([notDone])
  })

  const of = (user: string) => [
    `– password of ${user} in Secrets Manager: account-vending/444455556666/${user.toLowerCase()}`,
    `– user ${user} with console sign-in`,
    `– sign-in mail for ${user}`,
  ]

  test.each<[string, Partial<AccountRecord>, string[], string[]]>([
    ['AcceptRequest', {}, [], [groups, ...of('ada'), ...of('Bob')]],
    ['CreateAdminGroup', { steps: begun('CreateAdminGroup') }, [], [groups, ...of('ada'), ...of('Bob')]],
    [
      'StorePassword',
      { steps: begun('CreateAdminGroup', 'StorePassword ada') },
      [groups],
      [...of('ada'), ...of('Bob')],
    ],
    [
      'CreateAdminUser of one while the other’s mail went out',
      {
        steps: {
          ...begun('CreateAdminGroup', 'StorePassword ada', 'CreateAdminUser ada'),
          ...begun('StorePassword Bob', 'CreateAdminUser Bob'),
          ...sending('Bob', 'bob@example.com'),
        },
        mails: { 'bob bob@example.com': mail('bob@example.com') },
      },
      [groups, '– password of ada in Secrets Manager: account-vending/444455556666/ada', ...of('Bob')],
      ['– user ada with console sign-in', '– sign-in mail for ada'],
    ],
    [
      'RecordVended',
      {
        steps: {
          ...begun('CreateAdminGroup', 'StorePassword ada', 'CreateAdminUser ada'),
          ...begun('StorePassword Bob', 'CreateAdminUser Bob'),
          ...sending('ada', 'ada@example.com'),
          ...sending('Bob', 'bob@example.com'),
        },
        mails: {
          'ada ada@example.com': mail('ada@example.com'),
          'bob bob@example.com': mail('bob@example.com'),
        },
      },
      [groups, ...of('ada'), ...of('Bob')],
      ['– the entry in the ledger that the vend is finished (everything else is done)'],
    ],
  ])('is right after a failure of %s', async (_, record, done, notDone) => {
    holds(aRecord({ asked, ...record }))
    await report()
    expect(under('Done')).toEqual(done)
    expect(under('Not done')).toEqual(notDone)
  })

  test.each<[string, AccountRecord['mails']]>([
    ['at another address', { 'ada old@example.com': mail('old@example.com') }],
    ['at this address in another case', { 'ada ADA@example.com': mail('ADA@example.com') }],
    ['about an older password', { 'ada ada@example.com': mail('ada@example.com', 'an older version') }],
    ['to another user whose name begins alike', { 'adam ada@example.com': mail('ada@example.com') }],
  ])('does not have a mail that was sent earlier %s', async (_, mails) => {
    const asked = { groups: ['Administrators'], users: ['ada'] }
    const steps = { ...begun('CreateAdminGroup', 'StorePassword ada', 'CreateAdminUser ada') }
    holds(aRecord({ asked, mails, steps: { ...steps, ...sending('ada', 'ada@example.com') } }))
    await report()
    expect(under('Not done')).toEqual(['– sign-in mail for ada'])
    // Before the step has begun, no mail of this vend can have been sent.
    holds(aRecord({ asked, mails, steps }))
    await report(aStatusEvent('FAILED', executionArn, 1793525099000))
    expect(under('Not done')).toEqual(['– user ada with console sign-in', '– sign-in mail for ada'])
  })

  test('has all mails once RecordVended has begun, also on a record of an older version', async () => {
    const steps = begun('StorePassword ada', 'CreateAdminUser ada', 'SendLoginEmail ada', 'RecordVended')
    holds(aRecord({ asked: { groups: [], users: ['ada'] }, steps }))
    await report()
    expect(under('Not done')).toEqual(['– the entry in the ledger that the vend is finished (everything else is done)'])
  })

  test('is empty without a record', async () => {
    holds(undefined)
    await report()
    expect(under('Done')).toEqual([])
    expect(under('Not done')).toEqual(['– everything: nothing was made or changed in the account'])
  })

  test('is not called empty if the record belongs to another execution, because this execution lost its lease while it worked', async () => {
    holds(aRecord({ executionArn: anotherVend().executionArn }))
    isExecution({ error: 'LeaseLostError' })
    await report()
    expect(notice().text).not.toContain('nothing was made or changed in the account')
  })

  test('matches users whatever the case of their names in IAM', async () => {
    const steps = begun('CreateAdminGroup', 'StorePassword Ada', 'CreateAdminUser Ada', 'SendLoginEmail Ada')
    holds(aRecord({ asked: { groups: ['Administrators'], users: ['ada'] }, steps }))
    await report()
    expect(under('Done')).toHaveLength(3)
  })

  test('names no groups if the request has none', async () => {
    holds(aRecord({ asked: { groups: [], users: ['ada'] } }))
    await report()
    expect(under('Not done')).toEqual(of('ada'))
  })
})

describe('an account that could not be created', () => {
  test('is reported with Organizations’ reason, and with where to look next', async () => {
    await reportSample('create-account-result-failed')
    expect(notice().subject).toBe('A new account could not be created: EMAIL_ALREADY_EXISTS')
    expect(notice().text.replace(/\s+/g, ' ')).toContain('The e-mail address already belongs to another AWS account.')
    expect(command()).toBe("aws organizations create-account --account-name 'ACCOUNT NAME' --email 'ADDRESS'")
    expect(sfn.calls()).toEqual([])
    expect(onRecord.changes()).toEqual([])
    expect(notes()).toEqual(['failure#car-examplecreateaccountrequestid111'])
  })

  test('is reported for an unknown reason, too', async () => {
    const event = JSON.stringify(aSample('create-account-result-failed')).replace('EMAIL_ALREADY_EXISTS', 'NEW_REASON')
    await report(parseInput(reportFailureInput, JSON.parse(event)))
    expect(notice().subject).toContain('NEW_REASON')
    expect(notice().text.replace(/\s+/g, ' ')).toContain('does not know this reason')
    expect(command()).toContain('aws organizations create-account ')
  })

  test.each(Object.values(CreateAccountFailureReason))('%s has words, a remedy and a command', async (reason) => {
    const { advice, command: expected } = creationFailures[reason] ?? { advice: '', command: '' }
    expect(advice).toMatch(/^[A-Z].*\. .*:$/)
    const event = JSON.stringify(aSample('create-account-result-failed')).replace('EMAIL_ALREADY_EXISTS', reason)
    await report(parseInput(reportFailureInput, JSON.parse(event)))
    expect(notice().subject).toBe(`A new account could not be created: ${reason}`)
    expect(command()).toBe(expected)
    expect(command()).toContain(
      reason === 'GOVCLOUD_ACCOUNT_ALREADY_EXISTS'
        ? 'create-gov-cloud-account'
        : reason === 'CONCURRENT_ACCOUNT_MODIFICATION'
          ? 'list-create-account-status'
          : 'create-account ',
    )
  })

  test('is reported without a reason as a failure of Organizations, and not of Control Tower', async () => {
    const event = aSample('create-account-result-failed')
    const { createAccountStatus } = event.detail['serviceEventDetails'] as Record<string, { failureReason?: string }>
    delete createAccountStatus!.failureReason
    await report(parseInput(reportFailureInput, event))
    expect(notice().subject).toBe('A new account could not be created: NO_REASON_GIVEN')
    expect(notice().text.replace(/\s+/g, ' ')).toContain('Organizations gave no reason.')
    expect(notice().text).not.toContain('Control Tower')
    expect(command()).toContain('aws organizations create-account ')
  })

  test.each(['create-managed-account-failed', 'update-managed-account-failed'])(
    'is reported for %s in the words of its event',
    async (name) => {
      await reportSample(name)
      expect(notice().subject).toBe(
        `Control Tower could not ${name.startsWith('update') ? 'enroll or update' : 'create or enroll'} LifeCycle1, 444455556666: CONTROL_TOWER_FAILED`,
      )
      expect(under('Cause, word for word')[0]).toMatch(/^AWS Control Tower could not/)
      expect(command()).toBe('')
      const { id, detail } = aSample(name)
      expect(notes()).toEqual([`failure#${String(detail['eventName'])}#${String(id)}`])
    },
  )
})

describe('an account that Control Tower could not create, enroll or update', () => {
  const done = ['– the administrators of the account']
  const installed = (at: string) =>
    dynamodb.on(DescribeTableCommand).resolves({ Table: { CreationDateTime: new Date(at) } })
  const { executionArn: other } = anotherVend()
  const lease = { holder: other, ask: 'ask', renewedAt: Date.parse('2026-11-01T09:21:00.000Z') }
  const refusal = (name: string) => () =>
    organizations.on(DescribeAccountCommand).rejects(Object.assign(new Error(name), { name }))
  const account = (overrides: object) => () =>
    organizations.on(DescribeAccountCommand).resolves({ Account: { ...anOrganizationsAccount(), ...overrides } })

  test.each<[string, AccountRecord | undefined, () => unknown, string, string[], string[]]>([
    ['is vended', aVendedRecord(), () => undefined, 'has its administrators', done, []],
    ['is not vended', undefined, () => undefined, 'has no administrators of account vending yet', [], done],
    [
      'failed to be vended',
      aRecord({ status: 'FAILED', executionArn: other, lease }),
      () => sfn.on(DescribeExecutionCommand).resolves({ status: 'FAILED' }),
      'has no administrators of account vending yet',
      [],
      done,
    ],
    [
      'is being vended',
      aRecord({ executionArn: other, lease }),
      () => sfn.on(DescribeExecutionCommand).resolves({ status: 'RUNNING' }),
      'Account vending is vending the account.',
      [],
      [],
    ],
    ['is old', undefined, () => installed('2027-01-01T00:00:00.000Z'), 'before account vending was installed', [], []],
    ['is protected', undefined, account({ Name: 'Audit' }), 'never vends the account', [], []],
    ['is closed', undefined, account({ State: 'CLOSED' }), 'leaves the account alone', [], []],
    ['is not there', undefined, refusal('AccountNotFoundException'), 'is not in the organization', [], done],
    ['may not be mailed', undefined, account({ Email: 'a@evil.test' }), 'a vend would fail', [], done],
  ])('and that %s is reported as that', async (_, record, arrange, words, isDone, isNotDone) => {
    installed('2026-10-01T00:00:00.000Z')
    holds(record)
    arrange()
    for (const name of ['update-managed-account-failed', 'create-managed-account-failed']) {
      ses.resetHistory()
      await reportSample(name)
      expect(notice().text.replace(/\s+/g, ' ')).toContain(words)
      expect(under('Done')).toEqual(isDone)
      expect(under('Not done')).toEqual(isNotDone)
      expect(notice().text.replace(/\s+/g, ' ')).toContain(
        isNotDone.length
          ? 'the account is vended automatically'
          : 'You do not need to do anything for account vending.',
      )
    }
    expect(onRecord.changes()).toEqual([])
  })

  test('is reported later if AWS does not answer now', async () => {
    installed('2026-10-01T00:00:00.000Z')
    refusal('TooManyRequestsException')()
    await expect(reportSample('update-managed-account-failed')).rejects.toMatchObject({
      name: 'TooManyRequestsException',
    })
    expect(sent()).toEqual([])
  })

  test('is reported without its id, too', async () => {
    const event = aSample('update-managed-account-failed')
    const { updateManagedAccountStatus } = event.detail['serviceEventDetails'] as Record<string, { account?: object }>
    delete updateManagedAccountStatus!.account
    await report(parseInput(reportFailureInput, event))
    expect(notice().subject).toBe('Control Tower could not enroll or update an account: CONTROL_TOWER_FAILED')
    expect(organizations.calls()).toEqual([])
  })
})

describe('the input', () => {
  test('is Step Functions’ own status event', () => {
    const event = {
      version: '0',
      id: '1',
      'detail-type': 'Step Functions Execution Status Change',
      source: 'aws.states',
      detail: { executionArn, stateMachineArn, name: 'first', status: 'FAILED', input: '{}', stopDate: 1793525000000 },
    }
    expect(parseInput(reportFailureInput, event)).toMatchObject(aStatusEvent())
  })

  test.each([
    {},
    aStatusEvent('SUCCEEDED' as 'FAILED'),
    { source: 'aws.s3', detail: {} },
    { source: 'aws.organizations', id: '1', detail: {} },
  ])('is not %o', (event) => {
    expect(issuesOf(() => parseInput(reportFailureInput, event)).length).toBeGreaterThan(0)
  })
})

describe('the error leaves under its name:', () => {
  test.each(['MessageRejected', 'AccountSendingPausedException'])('%s of SES, for a dead letter', async (name) => {
    ses.on(SendEmailCommand).rejects(awsError(name))
    await expect(report()).rejects.toMatchObject({ name })
  })

  test('ExecutionDoesNotExist of Step Functions', async () => {
    sfn.on(DescribeExecutionCommand).rejects(awsError('ExecutionDoesNotExist'))
    await expect(report()).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' })
  })
})

describe('the contract of errors', () => {
  const exported = Object.entries(errors) as [string, new (...args: never[]) => Error][]

  test.each(exported)('%s is thrown under the name it is exported by', (name, Class) => {
    // Some take issues, and others a sentence.
    const error = new Class([] as never)
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe(name)
    expect(Object.hasOwn(error, 'name')).toBe(true)
  })

  /** Only the API answers with these, or only Lambda retries them. */
  const neverEndsAnExecution = [
    'ExecutionNotSettledError',
    'IdempotencyKeyReusedError',
    'RequestDecidedError',
    'RequestNotFoundError',
    'TooManyAccountsTodayError',
  ]
  test.each(exported.map(([name]) => name).filter((name) => !neverEndsAnExecution.includes(name)))(
    '%s is explained to a person',
    (name) => {
      const { what, advice, goOn } = explanations[name] ?? { what: '', advice: '', goOn: '' }
      expect(what).toMatch(/\.$/)
      expect(advice).toMatch(/:$/)
      expect(['redrive', 'start', 'correct']).toContain(goOn)
    },
  )

  test('every error of ours that the workflow retries is one that we export', () => {
    const definition = parse(readFileSync('statemachine/vend-account.asl.yml', 'utf8'), {
      customTags: [{ tag: '!GetAtt', resolve: (text: string) => text }],
    }) as unknown
    const errorEquals = (value: unknown): string[] =>
      typeof value === 'object' && value
        ? Object.entries(value).flatMap(([key, part]) =>
            key === 'ErrorEquals' ? (part as string[]) : errorEquals(part),
          )
        : []
    const aws = ['InternalServiceError', 'InternalServerError']
    const ours = new Set(
      errorEquals(definition).filter((name) => name.endsWith('Error') && !name.includes('.') && !aws.includes(name)),
    )
    expect(ours).toContain('AccountNotReadyError')
    expect([...ours].filter((name) => !(name in errors))).toEqual([])
  })
})
