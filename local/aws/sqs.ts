import { createHash, randomUUID } from 'node:crypto'
import type * as SQS from '@aws-sdk/client-sqs'
import { AwsError, unsupported } from './aws-error.ts'
import type { World } from './world.ts'

type Message = {
  MessageId: string
  Body: string
  MessageAttributes: Record<string, SQS.MessageAttributeValue>
  /** The handle of the last receipt. Only this handle deletes the message. */
  receiptHandle: string
  visibleFrom: number
}

const mostMessages = 10

/**
 * SQS with one queue, for the endpoint. A received message is hidden for its visibility timeout, and stays in the queue
 * until it is deleted.
 */
export const startQueue = ({ now, queueName }: { now: World['now']; queueName: string }) => {
  const messages: Message[] = []
  const checkQueue = (url = '') => {
    if (!url.endsWith(`/${queueName}`))
      throw new AwsError('AWS.SimpleQueueService.NonExistentQueue', 'The specified queue does not exist.')
  }
  const send = (Body: string, MessageAttributes: Message['MessageAttributes'] = {}) => {
    const MessageId = randomUUID()
    messages.push({ MessageId, Body, MessageAttributes, receiptHandle: '', visibleFrom: now() })
    return MessageId
  }
  const md5 = (text: string) => createHash('md5').update(text).digest('hex')

  const operations = {
    SendMessage: (_: unknown, { QueueUrl, MessageBody = '', MessageAttributes }: Partial<SQS.SendMessageRequest>) => {
      checkQueue(QueueUrl)
      if (!MessageBody) throw new AwsError('MissingParameter', 'The request must contain the parameter MessageBody.')
      return { MessageId: send(MessageBody, MessageAttributes), MD5OfMessageBody: md5(MessageBody) }
    },
    ReceiveMessage: (world: World, asked: Partial<SQS.ReceiveMessageRequest>) => {
      const { QueueUrl, MaxNumberOfMessages = 1, VisibilityTimeout = 30, MessageAttributeNames = [] } = asked
      checkQueue(QueueUrl)
      if (MaxNumberOfMessages < 1 || MaxNumberOfMessages > mostMessages)
        throw new AwsError('InvalidParameterValue', `MaxNumberOfMessages must be between 1 and ${mostMessages}.`)
      if (MessageAttributeNames.some((name) => name !== 'All'))
        throw unsupported('message attributes by name in sqs ReceiveMessage')
      if (world.emptyAnswers) {
        world.emptyAnswers--
        return {}
      }
      const visible = messages.filter(({ visibleFrom }) => visibleFrom <= now()).slice(0, MaxNumberOfMessages)
      for (const message of visible)
        Object.assign(message, { receiptHandle: randomUUID(), visibleFrom: now() + VisibilityTimeout * 1000 })
      if (!visible.length) return {}
      return {
        Messages: visible.map(({ MessageId, Body, MessageAttributes, receiptHandle }) => ({
          MessageId,
          ReceiptHandle: receiptHandle,
          Body,
          MD5OfBody: md5(Body),
          ...(MessageAttributeNames.length && Object.keys(MessageAttributes).length && { MessageAttributes }),
        })),
      }
    },
    DeleteMessage: (_: unknown, { QueueUrl, ReceiptHandle = '' }: Partial<SQS.DeleteMessageRequest>) => {
      checkQueue(QueueUrl)
      const i = messages.findIndex(({ receiptHandle }) => receiptHandle === ReceiptHandle)
      // Deleting a message that is no longer there succeeds, as on AWS.
      if (i >= 0) messages.splice(i, 1)
      return {}
    },
  }
  return { messages, send, operations }
}
