import {
  type EventDestination,
  type EventType,
  GetAccountCommand,
  GetConfigurationSetCommand,
  GetConfigurationSetEventDestinationsCommand,
  type GetConfigurationSetResponse,
} from '@aws-sdk/client-sesv2'
import { isNamed } from '../functions/shared/aws-errors.ts'
import { type Check, type Clients, fail, ok, warn } from './doctor-context.ts'
import { findStack, stackName } from './service.ts'

const wanted: EventType[] = ['DELIVERY', 'DELIVERY_DELAY', 'BOUNCE', 'COMPLAINT', 'REJECT']
const tracking: EventType[] = ['OPEN', 'CLICK']

/** Whether SES tells this service what becomes of its mails, and leaves the links in the mails unchanged. */
export const checkMailEvents: Check = async ({ clients, vending, stage }) => {
  const name = vending.configurationSet ?? stackName(stage)
  const isOurs = vending.configurationSet === undefined
  const [set, stack] = await Promise.all([findSet(clients, name), findStack(clients.cloudFormation, stage)])
  if (!set && !isOurs)
    return fail(
      `SES has no configuration set ${name} in this Region.`,
      'Create the configuration set as docs/deploying.md describes, or leave out configurationSet in vending.yml.',
    )
  if (!set)
    return stack
      ? warn(
          `SES has no configuration set ${name}.`,
          `The deployment creates the set. If this version is deployed already, somebody has deleted the set: create an empty set of this name, and deploy again.`,
        )
      : ok(`The deployment creates the configuration set ${name}.`)
  if (isOurs && !stack)
    return fail(
      `SES has a configuration set ${name} already, so the deployment could not create it.`,
      `Delete the set, or name it as configurationSet in vending.yml.`,
    )

  const { EventDestinations = [] } = await clients.sesv2.send(
    new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: name }),
  )
  const enabled = EventDestinations.filter(({ Enabled }) => Enabled)
  const changes = await whatChangesLinks(clients, set, enabled)
  if (changes.length)
    return fail(
      `With the configuration set ${name}, SES can replace the links in mails: ${changes.join('; ')}.`,
      'Turn this off, as docs/deploying.md describes. A link to a password must reach its reader unchanged.',
    )
  const told = new Set(
    enabled.flatMap(({ EventBridgeDestination, MatchingEventTypes = [] }) =>
      EventBridgeDestination ? MatchingEventTypes : [],
    ),
  )
  const missing = wanted.filter((type) => !told.has(type))
  return missing.length
    ? fail(
        `The configuration set ${name} sends no events of these types to EventBridge: ${missing.join(', ')}.`,
        isOurs
          ? 'Somebody has changed the set. Add the types to its event destination in the SES console.'
          : 'Add an EventBridge destination with these types to the set, as docs/deploying.md describes.',
      )
    : ok(`The configuration set ${name} reports the delivery of mails to EventBridge, and leaves links unchanged.`)
}

const findSet = async ({ sesv2 }: Clients, name: string) => {
  try {
    return await sesv2.send(new GetConfigurationSetCommand({ ConfigurationSetName: name }))
  } catch (error) {
    if (isNamed(error, 'NotFoundException')) return undefined
    throw error
  }
}

/** The settings with which SES replaces the links in mails, to count clicks. */
const whatChangesLinks = async (
  { sesv2 }: Clients,
  { TrackingOptions, VdmOptions }: GetConfigurationSetResponse,
  enabled: EventDestination[],
) => {
  const tracked = tracking.filter((type) =>
    enabled.some(({ MatchingEventTypes = [] }) => MatchingEventTypes.includes(type)),
  )
  const ofSet = VdmOptions?.DashboardOptions?.EngagementMetrics
  // What the set says comes before what the account says.
  const ofAccount = ofSet ? undefined : (await sesv2.send(new GetAccountCommand({}))).VdmAttributes
  const hasMetrics = ofSet === 'ENABLED' || ofAccount?.DashboardAttributes?.EngagementMetrics === 'ENABLED'
  return [
    tracked.length && `an event destination has the types ${tracked.join(' and ')}`,
    TrackingOptions?.CustomRedirectDomain && `the set has the redirect domain ${TrackingOptions.CustomRedirectDomain}`,
    hasMetrics && 'the engagement metrics of the Virtual Deliverability Manager are enabled',
  ].filter((change) => typeof change === 'string')
}
