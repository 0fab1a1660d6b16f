import { randomUUID } from 'node:crypto'
import { AwsError } from './aws-error.ts'
import type { Operations } from './operation.ts'
import type { World } from './world.ts'

/** A message that SNS accepted. `at` is in milliseconds since 1970. */
export type Notice = { subject?: string; message: string; attributes: Record<string, string>; at: number }

type Entry = { Name: string; Value: { DataType?: string; StringValue?: string } }
/** A call of Publish, as the query protocol carries it. */
type Publish = { TopicArn?: string; Subject?: string; Message?: string; MessageAttributes?: { entry: Entry[] } }

// SNS API Reference, Publish: the subject is one line of fewer than 100 ASCII characters, and begins with a letter,
// digit or punctuation mark; no attribute is empty.
const publish = (
  { topics, now }: World,
  { TopicArn = '', Subject, Message = '', MessageAttributes: { entry: entries = [] } = { entry: [] } }: Publish,
) => {
  const notices = topics.get(TopicArn)
  if (!notices) throw new AwsError('NotFound', 'Topic does not exist', 404)
  const invalid = (reason: string) => new AwsError('InvalidParameter', `Invalid parameter: ${reason}`)
  if (!Message) throw invalid('Empty message')
  if (Subject !== undefined && !/^[\x21-\x7e][\x20-\x7e]{0,98}$/.test(Subject)) throw invalid('Subject')
  const empty = entries.find(({ Value }) => !Value.DataType || !Value.StringValue)
  if (empty) throw new AwsError('ParameterValueInvalid', `The message attribute '${empty.Name}' must have a value`)
  const attributes = Object.fromEntries(entries.map(({ Name, Value }) => [Name, Value.StringValue ?? '']))
  notices.push({ ...(Subject !== undefined && { subject: Subject }), message: Message, attributes, at: now() })
  return { MessageId: randomUUID() }
}

/** SNS, without subscriptions: the world keeps the messages of each topic. */
export const sns: Operations = { Publish: publish }
