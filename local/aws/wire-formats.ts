import { randomUUID } from 'node:crypto'
import { XMLBuilder } from 'fast-xml-parser'
import { parseJson } from '../../functions/shared/parse.ts'
import type { HttpRequest, HttpResponse } from '../http.ts'
import type { AwsError } from './aws-error.ts'

/** The input of a call, as the wire format carries it. */
export type Input = Record<string, unknown>

/** How a service writes outputs and errors into HTTP responses, with its error codes for callers that it refuses. */
type WireFormat = {
  errors: { denied: string; expired: string; unknownKey: string; status: number }
  respond: (operation: string, output: unknown) => HttpResponse
  refuse: (error: AwsError) => HttpResponse
}

/** A request of an AWS SDK. */
export type AwsRequest = {
  http: HttpRequest
  service: string
  operation: string
  input: Input
  format: WireFormat
  accessKeyId: string
}

const xml = new XMLBuilder()

const toXml = (value: unknown): unknown => {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Map)
    return { entry: [...value].map(([key, member]) => ({ key: toXml(key), value: toXml(member) })) }
  if (Array.isArray(value)) return value.length ? { member: value.map(toXml) } : ''
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toXml(member)]))
}

/** The input is a form, the output is XML: IAM, STS, SES and CloudFormation. */
const queryFormat: WireFormat = {
  errors: { denied: 'AccessDenied', expired: 'ExpiredToken', unknownKey: 'InvalidClientTokenId', status: 403 },
  respond: (operation, output) => ({
    status: 200,
    headers: { 'content-type': 'text/xml' },
    body: xml.build({
      [`${operation}Response`]: {
        [`${operation}Result`]: toXml(output ?? ''),
        ResponseMetadata: { RequestId: randomUUID() },
      },
    }),
  }),
  refuse: ({ status, code, message, fields }) => ({
    status,
    headers: { 'content-type': 'text/xml' },
    body: xml.build({
      ErrorResponse: {
        Error: { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message, ...fields },
        RequestId: randomUUID(),
      },
    }),
  }),
}

/** Input and output are JSON. */
const jsonFormat: WireFormat = {
  errors: {
    denied: 'AccessDeniedException',
    expired: 'ExpiredTokenException',
    unknownKey: 'UnrecognizedClientException',
    status: 400,
  },
  respond: (_operation, output) => ({
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify(output ?? {}, function (this: Input, key, value: unknown) {
      // `value` is already what Date.toJSON made of a Date, so look at the Date itself.
      const member = this[key]
      return member instanceof Date ? member.getTime() / 1000 : value
    }),
  }),
  refuse: ({ status, code, message, fields }) => ({
    status,
    headers: { 'content-type': 'application/x-amz-json-1.1' },
    body: JSON.stringify({ __type: code, message, ...fields }),
  }),
}

/** Input and output are JSON, the path names the operation, and a header the error. */
const restFormat: WireFormat = {
  ...jsonFormat,
  errors: { ...jsonFormat.errors, status: 403 },
  refuse: ({ status, code, message, fields }) => ({
    status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': code },
    body: JSON.stringify({ message, ...fields }),
  }),
}

/** Lambda's Invoke: the response's body is what the function returned, and a header says if the function failed. */
const invokeFormat: WireFormat = {
  ...jsonFormat,
  respond: (_operation, output) => {
    const { payload, error } = output as { payload?: unknown; error?: string }
    return {
      status: 200,
      headers: { 'content-type': 'application/json', ...(error && { 'x-amz-function-error': error }) },
      body: JSON.stringify(payload ?? null),
    }
  },
}

/** REST operations by method and path, because the request does not contain their names. */
const restOperations: Record<string, string> = {
  'GET /2016-08-19/account-settings': 'GetAccountSettings',
  'GET /v2/email/account': 'GetAccount',
  'POST /putAlternateContact': 'PutAlternateContact',
  'POST /getAlternateContact': 'GetAlternateContact',
  'POST /list-landingzones': 'ListLandingZones',
  'POST /get-landingzone': 'GetLandingZone',
  'POST /list-enabled-baselines': 'ListEnabledBaselines',
}
const configurationSet = /^\/v2\/email\/configuration-sets\/([^/]+)(\/event-destinations)?$/
const invocation = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/
const concurrency = /^\/2019-09-30\/functions\/([^/]+)\/concurrency$/
const lambdaFunction = /^\/2015-03-31\/functions\/([^/]+)(\/configuration)?$/

const readRest = (method: string, path: string, body: string) => {
  const [, setName, destinations] = (method === 'GET' && configurationSet.exec(path)) || []
  if (setName)
    return {
      operation: destinations ? 'GetConfigurationSetEventDestinations' : 'GetConfigurationSet',
      input: { ConfigurationSetName: decodeURIComponent(setName) },
    }
  const [, functionName, configuration] = (method === 'GET' && lambdaFunction.exec(path)) || []
  if (functionName)
    return {
      operation: configuration ? 'GetFunctionConfiguration' : 'GetFunction',
      input: { FunctionName: decodeURIComponent(functionName) },
    }
  const [, reserving] = (method === 'GET' && concurrency.exec(path)) || []
  if (reserving) return { operation: 'GetFunctionConcurrency', input: { FunctionName: decodeURIComponent(reserving) } }
  const input = (body ? parseJson(body) : undefined) ?? {}
  return { operation: restOperations[`${method} ${path}`] ?? `${method} ${path}`, input: input as Input }
}

/** Tags.member.1.Key=a becomes { Tags: [{ Key: 'a' }] }. */
const readForm = (body: string) => {
  const input: Input = {}
  for (const [name, value] of new URLSearchParams(body)) {
    const parts = name.replaceAll('.member.', '.').split('.')
    let node = input
    parts.forEach((part, i) => {
      const key = Array.isArray(node) ? String(Number(part) - 1) : part
      const next = parts[i + 1]
      if (next === undefined) node[key] = value
      else node = (node[key] ??= /^\d+$/.test(next) ? [] : {}) as Input
    })
  }
  return input
}

/** Reads a request: its signature names the service, and its path and headers show the wire format. */
export const readRequest = (http: HttpRequest): AwsRequest => {
  const { method, url, headers, body } = http
  const [, accessKeyId = '', service = 'unknown'] =
    /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? '') ?? []
  const target = headers['x-amz-target']
  const from = { http, service, accessKeyId }
  const [path = ''] = url.split('?')
  const [, functionName] = (method === 'POST' && invocation.exec(path)) || []
  if (functionName)
    return {
      ...from,
      operation: 'Invoke',
      input: {
        FunctionName: decodeURIComponent(functionName),
        InvocationType: headers['x-amz-invocation-type'],
        Payload: body,
      },
      format: invokeFormat,
    }
  // SQS is no REST service: its requests have the path of the queue, but also the header that names the operation.
  if (path !== '/' && target === undefined)
    return {
      ...from,
      ...readRest(method, path, body),
      format: restFormat,
    }
  if (typeof target === 'string')
    return {
      ...from,
      operation: target.slice(target.lastIndexOf('.') + 1),
      input: JSON.parse(body || '{}') as Input,
      format: jsonFormat,
    }
  const { Action, Version: _, ...input } = readForm(body)
  return { ...from, operation: String(Action), input, format: queryFormat }
}

/** The name of the function that calls: its AWS_SDK_UA_APP_ID, without the marker that Powertools appends. */
export const functionIn = (userAgent = '') =>
  (/(?:^| )app\/(\S+)/.exec(userAgent)?.[1] ?? '').replace(/-?PT-NO-OP-.*$/, '') || null

export const errorCodeIn = (body: string) =>
  (/"__type":"(?:[^"]*#)?([^"]+)"/.exec(body) ?? /<Code>([^<]+)<\/Code>/.exec(body))?.[1] ?? 'Unknown'
