/**
 * DynamoDB's endpoint in a Region. The client's own rules are 5 KB in every bundle, most of them for endpoints with an
 * account id, FIPS and IPv6, which no function uses.
 */
export const defaultEndpointResolver = ({ Endpoint, Region }: { Endpoint?: string; Region?: string }) => ({
  url: new URL(Endpoint ?? `https://dynamodb.${Region}.amazonaws.com`),
  properties: {},
  headers: {},
})
