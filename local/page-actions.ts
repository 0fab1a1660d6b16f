import { RedriveExecutionCommand, SFNClient } from '@aws-sdk/client-sfn'
import { type Breakage, breakages, type breaker } from './break.ts'
import { readInput } from './input.ts'
import { clientConfig, type LocalOrganization } from './start-organization.ts'
import { enter } from './vend-input.ts'

/** What a button of the page does. */
export type Action =
  | { do: 'enter'; input: string; expects?: 'event' }
  | { do: 'new-account'; name: string; breakage: Breakage }
  | { do: 'lift-policy'; accountId: string }
  | { do: 'redrive'; executionArn: string }

export type NewAccount = ReturnType<typeof breaker>['newAccount']

/** Performs an action and returns what the page shows about it. Throws an Error whose message the page shows. */
export const perform = async (
  organization: LocalOrganization,
  newAccount: NewAccount,
  action: Action,
): Promise<object> => {
  if (action.do === 'new-account') {
    if (!breakages.includes(action.breakage)) throw new Error(`There is no breakage named ${action.breakage}`)
    return { accountId: await newAccount(action.name, action.breakage) }
  }
  if (action.do === 'lift-policy') {
    const account = organization.world.accounts.get(action.accountId)
    if (account) account.deniedActions = []
    return {}
  }
  if (action.do === 'redrive') {
    const sfn = new SFNClient(clientConfig(organization, organization.world.managementAccountId))
    await sfn.send(new RedriveExecutionCommand({ executionArn: action.executionArn })).finally(() => sfn.destroy())
    return {}
  }
  const input = readInput(action.input)
  if (action.expects === 'event' && input.door !== 'event')
    throw new Error('This is not an event: an event is a JSON object with source and detail-type')
  const { executions, response, matched } = await enter(organization, input)
  return { executions: executions.map(({ executionArn }) => executionArn), response, matched }
}
