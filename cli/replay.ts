import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn'
import { DeleteMessageCommand, type Message, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { parseJson } from '../functions/shared/parse.ts'
import type { Make } from './clients.ts'
import { RefusedError, sayError } from './command-errors.ts'
import { findService, roundArnOf, serviceClients, stackName } from './service.ts'
import { table, wrap } from './show.ts'

export const replayClients = (make: Make) => ({
  ...serviceClients(make),
  lambda: make(LambdaClient),
  sfn: make(SFNClient),
  // Without this option, the client would call the queue's own address, whatever endpoint is set.
  sqs: make(SQSClient, { useQueueUrlAsEndpoint: false }),
})
type Clients = ReturnType<typeof replayClients>

/** What a message in the dead-letter queue is for: starting the workflow, or invoking a function, with this payload. */
type Letter = { target: string; payload: unknown; why: string }

/** SQS hides a received message for this time, so that nobody else replays it meanwhile. */
const hiddenSeconds = 60
/** SQS asks only some of its servers for each answer, so an empty answer can be wrong. */
const maxEmptyAnswers = 3

const readLetter = ({ Body, MessageAttributes = {} }: Message): Letter => {
  const attribute = (name: string) => MessageAttributes[name]?.StringValue
  const body = parseJson(Body) as
    | {
        requestPayload?: unknown
        requestContext?: { functionArn?: string; condition?: string }
        responsePayload?: { errorType?: string; errorMessage?: string }
      }
    | undefined
  const target = attribute('TARGET_ARN')
  // EventBridge User Guide, eb-rule-dlq: the body is the event, and the attributes have the reason.
  if (target)
    return { target, payload: body, why: attribute('ERROR_CODE') ?? attribute('EXHAUSTED_RETRY_CONDITION') ?? '' }
  // Lambda Developer Guide, invocation-async-retain-records.
  const { functionArn = '', condition = '' } = body?.requestContext ?? {}
  const { errorType, errorMessage = '' } = body?.responsePayload ?? {}
  return {
    target: functionArn.replace(/:\$LATEST$/, ''),
    payload: body?.requestPayload,
    why: errorType ? `${errorType}: ${errorMessage}` : condition,
  }
}

const nameOf = (target: string) => target.split(':').at(-1) ?? target
/** The functions that EventBridge invokes. */
const ourFunctions = ['reportFailure', 'reportClaim', 'recordMailEvent', 'tellSubscribers']

/** The workflows that EventBridge starts. */
const ourMachines = (stateMachineArn: string) =>
  new Map([
    [stateMachineArn, 'VendAccount'],
    [roundArnOf(stateMachineArn), 'DailyRound'],
  ])

export type Replayed = {
  messageId: string
  /** VendAccount, DailyRound, the name of one of our functions, or the ARN of any other target. */
  target: string
  /** The event, and its account or execution. */
  about: string
  /** Why the message is in the dead-letter queue. */
  why: string
  outcome: 'listed' | 'replayed' | 'failed'
  error?: string
}

/** The name of an event, and its account or execution, for a person. */
const aboutOf = (payload: unknown) => {
  type Event = { 'detail-type'?: string; account?: string; detail?: { status?: string } }
  const { 'detail-type': type, account, detail } = (payload ?? {}) as Event
  const text = JSON.stringify(detail ?? {})
  const accounts = [...text.matchAll(/"accountId":"(\d{12})"/g)].map(([, id]) => id)
  const id = /"executionArn":"[^"]*:([^":]+)"/.exec(text)?.[1] ?? accounts.find((id) => id !== account)
  return [type ?? 'no event', detail?.status, id].filter(Boolean).join(' ')
}

/**
 * Retries the messages of the dead-letter queue, at most `limit`, each once: starts the workflow or invokes the
 * function with the event of the message. Deletes each message whose retry succeeded. With `dryRun`, only lists the
 * messages.
 * Throws `NotDeployedError`. The error of a single message is in its entry.
 */
export async function replay(
  clients: Clients,
  { stage, dryRun, limit }: { stage: string; dryRun: boolean; limit: number },
): Promise<Replayed[]> {
  const { stateMachineArn, deadLetterQueueUrl: QueueUrl } = await findService(clients, stage)
  const replayed = new Map<string, Replayed>()
  let emptyAnswers = 0
  while (replayed.size < limit && emptyAnswers < maxEmptyAnswers) {
    const { Messages = [] } = await clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(10, limit - replayed.size),
        // A message that is only listed stays visible for the replay that follows.
        VisibilityTimeout: dryRun ? 0 : hiddenSeconds,
        WaitTimeSeconds: 1,
        MessageAttributeNames: ['All'],
      }),
    )
    const fresh = Messages.filter(({ MessageId = '' }) => !replayed.has(MessageId))
    emptyAnswers = fresh.length ? 0 : emptyAnswers + 1
    for (const message of fresh) {
      const { MessageId: messageId = '', ReceiptHandle } = message
      const letter = readLetter(message)
      const { target, payload, why } = letter
      const forUs = ourFunctions.find((name) => nameOf(target) === `${stackName(stage)}-${name}`)
      const told = {
        messageId,
        target: ourMachines(stateMachineArn).get(target) ?? forUs ?? target,
        about: aboutOf(payload),
        why,
      }
      if (dryRun) {
        replayed.set(messageId, { ...told, outcome: 'listed' })
        continue
      }
      try {
        await retry(clients, { letter, messageId, stateMachineArn, stage })
        await clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
        replayed.set(messageId, { ...told, outcome: 'replayed' })
      } catch (error) {
        replayed.set(messageId, { ...told, outcome: 'failed', error: sayError(error) })
      }
    }
  }
  return [...replayed.values()]
}

const retry = async (
  { sfn, lambda }: Clients,
  {
    letter: { target, payload },
    messageId,
    stateMachineArn,
    stage,
  }: { letter: Letter; messageId: string; stateMachineArn: string; stage: string },
) => {
  if (payload === undefined) throw new RefusedError('The message contains no event to retry.')
  if (ourMachines(stateMachineArn).has(target)) {
    try {
      // The execution is named after the message. If the message cannot be deleted, its next replay starts nothing.
      const name = `replay-${messageId}`
      await sfn.send(new StartExecutionCommand({ stateMachineArn: target, name, input: JSON.stringify(payload) }))
    } catch (error) {
      if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    }
    return
  }
  if (
    !/^arn:[\w-]+:lambda:/.test(target) ||
    !ourFunctions.some((name) => nameOf(target) === `${stackName(stage)}-${name}`)
  )
    throw new RefusedError(`The message is for ${target || 'no target'}, which does not belong to ${stackName(stage)}.`)
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: target, Payload: JSON.stringify(payload) }),
  )
  if (!FunctionError) return
  const { errorType = FunctionError, errorMessage = '' } = (parseJson(Payload?.transformToString()) ?? {}) as {
    errorType?: string
    errorMessage?: string
  }
  throw new RefusedError(`The function failed again: ${errorType}: ${errorMessage}`)
}

const words = { listed: 'waiting', replayed: 'done, deleted', failed: 'failed, kept' }

/** The messages for a person, a line each, and the errors below. */
export const showReplayed = (letters: Replayed[], { limit }: { limit: number }) => {
  if (!letters.length) return 'The dead-letter queue is empty.'
  const rows = letters.map(({ target, about, why, outcome }) => [target, about, why, words[outcome]])
  const errors = letters.flatMap(({ messageId, error }) => (error ? ['', messageId, wrap(error, '  ')] : []))
  return [
    table(['For', 'About', 'Why', 'Now'], rows),
    ...errors,
    ...(errors.length ? ['', `The messages that were kept can be replayed again in ${hiddenSeconds} seconds.`] : []),
    ...(letters.length === limit ? ['', `These are the first ${limit} messages. There may be more.`] : []),
  ].join('\n')
}
