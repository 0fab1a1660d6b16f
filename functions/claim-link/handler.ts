import { Logger } from '@aws-lambda-powertools/logger'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import middy from '@middy/core'
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import vending from '../../vending.yml'
import { readEnv } from '../shared/env.ts'
import { parseJson } from '../shared/parse.ts'
import { lambdaEndsIt } from '../shared/step.ts'
import { type Answer, claimLink, disown, failed } from './claim-link.ts'
import { pageAnswer } from './page.ts'
import { visitorOf } from './visitor.ts'

const env = readEnv('LEDGER_TABLE')
const clients = {
  ledger: { dynamodb: new DynamoDBClient(), tableName: env.LEDGER_TABLE },
  events: new EventBridgeClient(),
}
const logger = new Logger()

const json = ({ status, body, retryAfter }: Answer): APIGatewayProxyStructuredResultV2 => ({
  statusCode: status,
  headers: {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(retryAfter && { 'retry-after': String(retryAfter) }),
  },
  body: JSON.stringify(body),
})

const pageOf = (method: string): APIGatewayProxyStructuredResultV2 => {
  const { status, headers, body } = pageAnswer(vending, method)
  return { statusCode: status, headers, body }
}

const answer = async ({ routeKey, body, isBase64Encoded, requestContext }: APIGatewayProxyEventV2) => {
  const request = parseJson(isBase64Encoded ? Buffer.from(body ?? '', 'base64').toString() : body)
  if (routeKey.endsWith('/disown')) return disown(clients, request)
  return claimLink(clients, request, visitorOf(requestContext.http))
}

/** The only function that everybody can call. Its log has what it answered, and nothing about who asked. */
export const handler = middy<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>(lambdaEndsIt).handler(
  async (event: APIGatewayProxyEventV2) => {
    logger.resetKeys()
    logger.appendKeys({ route: event.routeKey })
    const { method } = event.requestContext.http
    if (method !== 'POST') return pageOf(method)
    const answered = await answer(event).catch((error: unknown) => {
      logger.error('failed', { error: error instanceof Error ? error.name : 'Error' })
      return failed
    })
    logger.info('done', { status: answered.status, state: answered.body.state })
    return json(answered)
  },
)
