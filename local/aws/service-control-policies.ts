import type { ServiceControlPolicy, World } from './world.ts'

/**
 * FullAWSAccess, a policy for each account with `deniedActions`, and the world's other service control policies. AWS
 * attaches FullAWSAccess to the root, and to every account and organizational unit when they are created.
 */
export const policiesOf = (world: World): ServiceControlPolicy[] => {
  const allow = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
  const everywhere = [world.rootId, ...world.organizationalUnits.keys(), ...world.accounts.keys()]
  const denying = [...world.accounts.values()].filter(({ deniedActions }) => deniedActions.length)
  return [
    {
      id: 'p-FullAWSAccess',
      name: 'FullAWSAccess',
      document: allow,
      targets: everywhere.filter((id) => !world.withoutFullAccess.has(id)),
    },
    ...denying.map(({ id, deniedActions }) => ({
      id: `p-${id}`,
      name: `Deny-${id}`,
      document: {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Deny', Action: deniedActions, Resource: '*' }],
      },
      targets: [id],
    })),
    ...world.serviceControlPolicies,
  ]
}
