import { CloudTrailClient } from '@aws-sdk/client-cloudtrail'
import { EventBridgeClient } from '@aws-sdk/client-eventbridge'
import { IAMClient } from '@aws-sdk/client-iam'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { OrganizationsClient } from '@aws-sdk/client-organizations'
import { SESClient } from '@aws-sdk/client-ses'
import { SESv2Client } from '@aws-sdk/client-sesv2'
import { STSClient } from '@aws-sdk/client-sts'
import type { Vending } from '../functions/shared/vending.ts'
import { keepingToTheRate, type Make } from './clients.ts'
import { serviceClients } from './service.ts'

export const doctorClients = (make: Make) => ({
  ...serviceClients(make),
  cloudTrail: make(CloudTrailClient),
  events: make(EventBridgeClient),
  iam: make(IAMClient),
  lambda: make(LambdaClient),
  organizations: make(OrganizationsClient, keepingToTheRate),
  ses: make(SESClient),
  sesv2: make(SESv2Client),
  sts: make(STSClient),
})
export type Clients = ReturnType<typeof doctorClients>

export type Result = { status: 'ok' | 'warn' | 'fail'; finding: string; remedy?: string }

/** What every check knows. */
export type Context = {
  clients: Clients
  vending: Vending
  stage: string
  region: string
  partition: string
  accountId: string
}
export type Check = (context: Context) => Promise<Result>

export const ok = (finding: string): Result => ({ status: 'ok', finding })
export const warn = (finding: string, remedy: string): Result => ({ status: 'warn', finding, remedy })
export const fail = (finding: string, remedy: string): Result => ({ status: 'fail', finding, remedy })
