import type { OrganizationsClient } from '@aws-sdk/client-organizations'
import { collectBody, HttpRequest, type HttpResponse } from '@smithy/core/protocols'
import { SignatureV4 } from '@smithy/signature-v4'

// Three operations of Control Tower, without its SDK client: the versions that have these operations are not in every
// registry. The requests are plain JSON, and the SDK's own signer and connection carry them.

/** Calls an operation of Control Tower in the service's Region. Throws an Error with AWS's name for the error. */
export type ControlTower = <Answer>(operation: string, input: object) => Promise<Answer>

type ClientConfig = OrganizationsClient['config']
type Connection = { handle: (request: HttpRequest) => Promise<{ response: HttpResponse }> }

/** The API of Control Tower, with the credentials and the connection of another client. */
export const controlTower =
  (
    { config }: { config: ClientConfig },
    { region, endpointUrl }: { region: string; endpointUrl: string | undefined },
  ) =>
  async <Answer>(operation: string, input: object): Promise<Answer> => {
    const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
    const { protocol, hostname, port, host } = new URL(endpointUrl ?? `https://controltower.${region}.${suffix}`)
    const signer = new SignatureV4({
      service: 'controltower',
      region,
      credentials: config.credentials,
      sha256: config.sha256,
    })
    // As the SDK's own requests, these say which application they come from.
    const application = (await config.userAgentAppId())?.replaceAll('/', '-')
    const request = await signer.sign(
      new HttpRequest({
        method: 'POST',
        protocol,
        hostname,
        ...(port && { port: Number(port) }),
        path: `/${operation}`,
        headers: {
          host,
          'content-type': 'application/json',
          ...(application && { 'user-agent': `app/${application}` }),
        },
        body: JSON.stringify(input),
      }),
    )
    const { response } = await (config.requestHandler as Connection).handle(request as HttpRequest)
    const text = config.utf8Encoder(await collectBody(response.body as Uint8Array, config))
    if (response.statusCode < 300) return JSON.parse(text || '{}') as Answer
    const type = response.headers['x-amzn-errortype']
    const [name = 'Unknown'] = type?.split(':') ?? []
    // Without a name, a proxy of AWS has answered instead of the service, and the page is not JSON.
    const { message, Message = name } = JSON.parse((type && text) || '{}') as { message?: string; Message?: string }
    throw Object.assign(new Error(message ?? Message), {
      name,
      $metadata: { httpStatusCode: response.statusCode },
    })
  }

type LandingZones = { landingZones?: { arn?: string }[] }
type LandingZone = { landingZone?: { remediationTypes?: string[] } }

/**
 * Whether Control Tower enrols an account that is moved into a registered organizational unit.
 * Source: Control Tower User Guide, account-auto-enrollment; API Reference, LandingZoneDetail.
 */
export const isAutoEnrolmentOn = async (call: ControlTower) => {
  const { landingZones = [] } = await call<LandingZones>('list-landingzones', {})
  const arn = landingZones[0]?.arn
  if (arn === undefined) return false
  const { landingZone } = await call<LandingZone>('get-landingzone', { landingZoneIdentifier: arn })
  return landingZone?.remediationTypes?.includes('INHERITANCE_DRIFT') ?? false
}

type Baselines = { enabledBaselines?: { statusSummary?: { status?: string } }[] }

/** Whether Control Tower has enrolled the account with this ARN: a baseline is enabled for it. */
export const isEnrolled = async (call: ControlTower, accountArn: string) => {
  const filter = { targetIdentifiers: [accountArn] }
  const { enabledBaselines = [] } = await call<Baselines>('list-enabled-baselines', {
    filter,
    // The baseline of an account is a child of its unit's baseline.
    includeChildren: true,
  })
  return enabledBaselines.some(({ statusSummary }) => statusSummary?.status === 'SUCCEEDED')
}
