import { InvokeCommand } from '@aws-sdk/client-lambda'
import { StartExecutionCommand } from '@aws-sdk/client-sfn'
import { DeleteMessageCommand, type Message, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { parseJson } from '../functions/shared/parse.ts'
import type { Clients } from './clients.ts'
import { RefusedError, sayError } from './command-errors.ts'
import { findService, stackName } from './service.ts'
import { table, wrap } from './show.ts'

/** What was to be done when the letter died: the workflow started, or a function invoked, with this payload. */
type Letter = { target: string; payload: unknown; why: string }

/** SQS hides a message so long once it was received; nobody else replays it in the meantime. */
const hiddenSeconds = 60
/** SQS asks some of its servers at a time: an empty answer may be wrong. */
const mostEmptyAnswers = 3

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
  // EventBridge User Guide, eb-rule-dlq: the event as it was, why in the attributes.
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
const ours = ['reportFailure', 'sweep']

export type Replayed = {
  messageId: string
  /** VendAccount, reportFailure or sweep; else what it was for. */
  target: string
  /** What the message was about. */
  about: string
  /** Why it died. */
  why: string
  outcome: 'listed' | 'replayed' | 'failed'
  error?: string
}

/** The event's name and the account or execution in it, for a person. */
const aboutOf = (payload: unknown) => {
  type Event = { 'detail-type'?: string; account?: string; detail?: { status?: string } }
  const { 'detail-type': type, account, detail } = (payload ?? {}) as Event
  const text = JSON.stringify(detail ?? {})
  const accounts = [...text.matchAll(/"accountId":"(\d{12})"/g)].map(([, id]) => id)
  const id = /"executionArn":"[^"]*:([^":]+)"/.exec(text)?.[1] ?? accounts.find((id) => id !== account)
  return [type ?? 'no event', detail?.status, id].filter(Boolean).join(' ')
}

/**
 * Does again what the dead letters were about, and deletes each once that succeeded: the workflow is started with the event, a
 * function is invoked with it. `dryRun` lists them and leaves them as they are. At most `limit` messages, each once.
 * Throws `NotDeployedError`; what one message fails with is in its entry.
 */
export async function replay(
  clients: Clients,
  { stage, dryRun, limit }: { stage: string; dryRun: boolean; limit: number },
): Promise<Replayed[]> {
  const { stateMachineArn, deadLetterQueueUrl: QueueUrl } = await findService(clients, stage)
  const replayed = new Map<string, Replayed>()
  let emptyAnswers = 0
  while (replayed.size < limit && emptyAnswers < mostEmptyAnswers) {
    const { Messages = [] } = await clients.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(10, limit - replayed.size),
        // What is only listed stays visible, for the replay that follows.
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
      const forUs = ours.find((name) => nameOf(target) === `${stackName(stage)}-${name}`)
      const told = {
        messageId,
        target: target === stateMachineArn ? 'VendAccount' : (forUs ?? target),
        about: aboutOf(payload),
        why,
      }
      if (dryRun) {
        replayed.set(messageId, { ...told, outcome: 'listed' })
        continue
      }
      try {
        await doAgain(clients, { letter, messageId, stateMachineArn, stage })
        await clients.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
        replayed.set(messageId, { ...told, outcome: 'replayed' })
      } catch (error) {
        replayed.set(messageId, { ...told, outcome: 'failed', error: sayError(error) })
      }
    }
  }
  return [...replayed.values()]
}

const doAgain = async (
  { sfn, lambda }: Clients,
  {
    letter: { target, payload },
    messageId,
    stateMachineArn,
    stage,
  }: { letter: Letter; messageId: string; stateMachineArn: string; stage: string },
) => {
  if (payload === undefined) throw new RefusedError('It holds no event that could be done again.')
  if (target === stateMachineArn) {
    try {
      // Named after the message: if it could not be deleted, its next replay starts nothing.
      const name = `replay-${messageId}`
      await sfn.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(payload) }))
    } catch (error) {
      if (!isNamed(error, 'ExecutionAlreadyExists')) throw error
    }
    return
  }
  if (!/^arn:[\w-]+:lambda:/.test(target) || !ours.some((name) => nameOf(target) === `${stackName(stage)}-${name}`))
    throw new RefusedError(`It is for ${target || 'nobody'}, which is not of ${stackName(stage)}.`)
  const { FunctionError, Payload } = await lambda.send(
    new InvokeCommand({ FunctionName: target, Payload: JSON.stringify(payload) }),
  )
  if (!FunctionError) return
  const { errorType = FunctionError, errorMessage = '' } = (parseJson(Payload?.transformToString()) ?? {}) as {
    errorType?: string
    errorMessage?: string
  }
  throw new RefusedError(`It failed again: ${errorType}: ${errorMessage}`)
}

const words = { listed: 'waits', replayed: 'done, deleted', failed: 'failed, kept' }

/** The dead letters for a person, a line each, and below what went wrong. */
export const showReplayed = (letters: Replayed[], { limit }: { limit: number }) => {
  if (!letters.length) return 'No dead letters.'
  const rows = letters.map(({ target, about, why, outcome }) => [target, about, why, words[outcome]])
  const errors = letters.flatMap(({ messageId, error }) => (error ? ['', messageId, wrap(error, '  ')] : []))
  return [
    table(['For', 'About', 'Why', 'Now'], rows),
    ...errors,
    ...(errors.length ? ['', `What was kept can be replayed again in ${hiddenSeconds} seconds.`] : []),
    ...(letters.length === limit ? ['', `These are the first ${limit}. There may be more.`] : []),
  ].join('\n')
}
