import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { type ControlTower, controlTower } from '../functions/shared/control-tower.ts'
import type { Ledger } from '../functions/shared/ledger.ts'
import { placeOf } from '../functions/shared/vend.ts'
import type { Make } from './clients.ts'
import { NotDeployedError } from './command-errors.ts'

/** The clients that find the deployed service and read its ledger, and AWS's time. */
export const serviceClients = (make: Make) => ({
  cloudFormation: make(CloudFormationClient),
  dynamodb: make(DynamoDBClient),
  now: make.now,
})
export type ServiceClients = ReturnType<typeof serviceClients>

/** Finds the service's stack; undefined if the service is not deployed. */
export const findStack = async (cloudFormation: CloudFormationClient, stage: string): Promise<Stack | undefined> => {
  try {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stackName(stage) }))
    return Stacks[0]
  } catch (error) {
    if (isNamed(error, 'ValidationError') && error.message.includes('does not exist')) return undefined
    throw error
  }
}

export const stackName = (stage: string) => `account-vending-${stage}`

/** How to get the stack of a stage. An advice about another AWS never deploys to the real AWS. */
const deployAdvice = (stage: string, url: string | undefined) => {
  if (url)
    return {
      again: `Stop the AWS at ${url} and start it again with this version (npm start).`,
      first: `If ${url} is npm start, leave out --stage: npm start has only the stage local. Otherwise name the stage and Region that were deployed there.`,
    }
  if (stage === 'local') {
    const local = 'Only the local organization of npm start has the stage local: add --local, or name another --stage.'
    return { again: local, first: local }
  }
  const command = `\n  npm run deploy -- --stage ${stage}`
  return {
    again: `Deploy again:${command}`,
    first: `Name the right stack with --stage and --region, or deploy first:${command}`,
  }
}

/**
 * Finds the deployed service by the outputs of its stack.
 * Throws `NotDeployedError`.
 */
export const findService = async (
  { cloudFormation, dynamodb }: Pick<ServiceClients, 'cloudFormation' | 'dynamodb'>,
  stage: string,
) => {
  const stack = await findStack(cloudFormation, stage)
  const custom = await cloudFormation.config.endpoint?.()
  const deploy = deployAdvice(stage, custom && `${custom.protocol}//${custom.hostname}:${custom.port}`)
  const output = (name: string) => {
    const value = stack?.Outputs?.find(({ OutputKey }) => OutputKey === name)?.OutputValue
    if (!value)
      throw new NotDeployedError(
        stack
          ? `The stack ${stackName(stage)} has no output ${name}. Its deployment did not finish, or is older than this command. ${deploy.again}`
          : `There is no stack ${stackName(stage)} in this account and Region. ${deploy.first}`,
      )
    return value
  }
  const stateMachineArn = output('VendAccountArn')
  const ledger: Ledger = { dynamodb, tableName: output('LedgerTable') }
  return {
    stateMachineArn,
    ledger,
    ...placeOf(stateMachineArn),
    // Only some commands need these outputs, which an older deployment does not have.
    get deadLetterQueueUrl() {
      return output('DeadLetterQueueUrl')
    },
    get roundArn() {
      return output('DailyRoundArn')
    },
    get passwordKeyArn() {
      return output('PasswordKeyArn')
    },
    get needsApproval() {
      return output('Approval') === 'required'
    },
  }
}
export type Service = Awaited<ReturnType<typeof findService>>

/** The ARN of the daily round's state machine, from the ARN of the vend's. serverless.yml names both. */
export const roundArnOf = (stateMachineArn: string) => `${stateMachineArn}_round`

/** The ARN of an execution that does not exist. `vend plan` decides as if it were this execution. */
export const executionArnOf = (stateMachineArn: string, name: string) =>
  `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`

/** The API of Control Tower, where the client of Organizations is. */
export const controlTowerOf =
  (organizations: OrganizationsClient): ControlTower =>
  async (operation, input) => {
    const [region, custom] = await Promise.all([organizations.config.region(), organizations.config.endpoint?.()])
    const endpointUrl = custom && `${custom.protocol}//${custom.hostname}${custom.port ? `:${custom.port}` : ''}`
    return controlTower(organizations, { region, endpointUrl })(operation, input)
  }
