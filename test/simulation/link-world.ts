import { busEvent, rulesFor } from '../../local/aws/eventbridge.ts'
import { answering } from '../../local/aws/endpoint.ts'
import { AwsError } from '../../local/aws/aws-error.ts'
import type { Execution } from '../../local/aws/step-functions-execution.ts'
import { startStepFunctions } from '../../local/aws/step-functions.ts'
import { addAccount, createWorld } from '../../local/aws/world.ts'
import { mailOperations } from '../support/mail-operations.ts'
import { inMemoryDynamoDB } from './dynamodb.ts'
import type { Service } from './service.ts'
import { sleep } from './virtual-time.ts'

export type SentMail = { to: string[]; subject: string; text: string }
export type LinkAnswer = { status: number; body: Record<string, unknown> }

const accountId = '444455556666'

/**
 * A world without faults for the life of links, with one account: the workflow, the rules, and the page's routes. To be
 * called in virtual time.
 */
export const aLinkWorld = (service: Service) => {
  const { deployed, clock, vending } = service
  const { now, setTimer } = clock
  const world = createWorld({
    now,
    setTimer,
    random: Math.random,
    accessRole: vending.accessRole,
    topics: [deployed.noticesTopicArn],
  })
  const account = addAccount(world, { id: accountId, name: 'Payments', joinedAt: now() + 1 })
  const ledger = inMemoryDynamoDB(deployed.ledgerTable, now, { lag: 1000 })
  const mails: SentMail[] = []
  /** How many answers of SES to sign-in mails will be lost. */
  let answersToLose = 0
  const underWay = new Set<Promise<unknown>>()
  const track = (work: Promise<unknown>) => {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }
  const ends = new Map<string, (execution: Execution) => void>()

  type Email = {
    Destination: { ToAddresses: string[] }
    Message: { Subject: { Data: string }; Body: { Text: { Data: string } } }
  }
  const sendEmail = (_: unknown, { Destination, Message }: Email) => {
    const { Subject, Body } = Message
    mails.push({ to: Destination.ToAddresses, subject: Subject.Data, text: Body.Text.Data })
    if (service.current()?.name === 'send-login-email' && answersToLose-- > 0)
      throw new AwsError('ServiceUnavailable', 'The answer is lost', 503)
    return { MessageId: String(mails.length) }
  }
  type Entry = { Source: string; DetailType: string; Detail: string }
  const putEvents = (_: unknown, { Entries }: { Entries: Entry[] }) => {
    for (const { Source: source, DetailType: detailType, Detail } of Entries) {
      const event = busEvent(world, { source, detailType, detail: JSON.parse(Detail) as object })
      for (const { target } of rulesFor(deployed.rules, event)) {
        if (target === 'VendAccount') track(start(event))
        else track(service.invoke(service.functionNamed(target), event, endpoint))
      }
    }
    return { FailedEntryCount: 0, Entries: Entries.map((_, i) => ({ EventId: String(i) })) }
  }
  const stepFunctions = startStepFunctions({
    definition: deployed.definition as never,
    stateMachineArn: deployed.stateMachineArn,
    clock,
    invoke: async (arn, input) => {
      await sleep(10)
      return service.invoke(service.functionOf(arn), input, endpoint)
    },
    onProgress: () => undefined,
    onEnd: (execution) => ends.get(execution.executionArn)?.(execution),
  })
  const endpoint: Parameters<Service['invoke']>[2] = {
    log: () => undefined,
    handle: answering(world, {
      operations: {
        dynamodb: ledger.operations,
        ses: mailOperations(sendEmail),
        events: { PutEvents: putEvents },
        states: stepFunctions.operations,
      },
      intercept: () => sleep(5),
    }),
  }

  const start = (input: object) =>
    new Promise<Execution>((resolve) => {
      const execution = stepFunctions.start(`vend-${stepFunctions.executions.size}`, JSON.stringify(input))
      if (execution !== 'ExecutionAlreadyExists') ends.set(execution.executionArn, resolve)
    })
  /** Waits for everything that an event has started. */
  const settled = async () => {
    while (underWay.size) await Promise.all(underWay)
  }

  return {
    world,
    account,
    accountId,
    mails,
    settled,
    expire: ledger.expire,
    /** Runs a request to its end. With `twice`, SES's answer to the first mail is lost, and the mail comes twice. */
    vend: async (request: object, { twice = false } = {}) => {
      answersToLose = twice ? 1 : 0
      const execution = await start({ accountId, ...request })
      answersToLose = 0
      return execution
    },
    /** Sends what the page sends. */
    post: async (path: '/link/claim' | '/link/disown', fields: object): Promise<LinkAnswer> => {
      const answer = (await service.invoke(
        'claim-link',
        {
          routeKey: `POST ${path}`,
          body: JSON.stringify(fields),
          requestContext: { http: { method: 'POST', sourceIp: '203.0.113.7', userAgent: 'Firefox/140.0' } },
        },
        endpoint,
      )) as { statusCode: number; body: string }
      return { status: answer.statusCode, body: JSON.parse(answer.body) as LinkAnswer['body'] }
    },
  }
}
export type LinkWorld = ReturnType<typeof aLinkWorld>
