import type * as Organizations from '@aws-sdk/client-organizations'
import { AwsError, unsupported } from './aws-error.ts'
import { arnOf, invalid, onePage } from './organizations-common.ts'
import { policiesOf } from './service-control-policies.ts'
import type { ServiceControlPolicy, World } from './world.ts'

const policyOf = (world: World, id = '') => {
  if (!/^p-\w{8,128}$/.test(id)) throw invalid('INVALID_PATTERN', 'PolicyId is not the id of a policy.')
  const policy = policiesOf(world).find((policy) => policy.id === id)
  if (!policy)
    throw new AwsError('PolicyNotFoundException', "We can't find a policy with the PolicyId that you specified.")
  return policy
}

const summaryOf = (world: World, { id, name }: ServiceControlPolicy) => ({
  Id: id,
  Arn: arnOf(world, `policy/service_control_policy/${id}`),
  Name: name,
  Type: 'SERVICE_CONTROL_POLICY' as const,
  AwsManaged: id === 'p-FullAWSAccess',
})

export const listPolicies = (world: World, { Filter, ...asked }: Organizations.ListPoliciesRequest) => {
  if (Filter !== 'SERVICE_CONTROL_POLICY') throw unsupported(`policies of the type ${Filter}`)
  const { items, NextToken } = onePage(world, policiesOf(world), asked)
  return { Policies: items.map((policy) => summaryOf(world, policy)), NextToken }
}

export const describePolicy = (world: World, { PolicyId }: Organizations.DescribePolicyRequest) => {
  const policy = policyOf(world, PolicyId)
  return { Policy: { PolicySummary: summaryOf(world, policy), Content: JSON.stringify(policy.document) } }
}

export const listTargetsForPolicy = (
  world: World,
  { PolicyId, ...asked }: Organizations.ListTargetsForPolicyRequest,
) => {
  const { items, NextToken } = onePage(world, policyOf(world, PolicyId).targets, asked)
  const Targets = items.map((TargetId) => {
    const account = world.accounts.get(TargetId)
    const Type = account ? 'ACCOUNT' : TargetId === world.rootId ? 'ROOT' : 'ORGANIZATIONAL_UNIT'
    const Name = account?.name ?? world.organizationalUnits.get(TargetId)?.name ?? 'Root'
    return { TargetId, Name, Type }
  })
  return { Targets, NextToken }
}

/** The policies that are attached to the target itself: what it inherits from above is not in the list. */
export const listPoliciesForTarget = (
  world: World,
  { TargetId = '', Filter, ...asked }: Organizations.ListPoliciesForTargetRequest,
) => {
  if (Filter !== 'SERVICE_CONTROL_POLICY') throw unsupported(`policies of the type ${Filter}`)
  if (!/^(?:r-[0-9a-z]{4,32}|\d{12}|ou-[0-9a-z]{4,32}-[a-z0-9]{8,32})$/.test(TargetId))
    throw invalid('INVALID_PATTERN', 'TargetId is not the id of a root, organizational unit or account.')
  if (TargetId !== world.rootId && !world.accounts.has(TargetId) && !world.organizationalUnits.has(TargetId))
    throw new AwsError('TargetNotFoundException', "You specified a target that doesn't exist.")
  const attached = policiesOf(world).filter(({ targets }) => targets.includes(TargetId))
  const { items, NextToken } = onePage(world, attached, asked)
  return { Policies: items.map((policy) => summaryOf(world, policy)), NextToken }
}
