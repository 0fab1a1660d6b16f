import { matchesAction } from '../shared/policy.ts'

type OneOrMany = string | string[]
type Statement = {
  Effect?: string
  /** By kind: AWS, Service, Federated or CanonicalUser. */
  Principal?: '*' | Record<string, OneOrMany>
  NotPrincipal?: unknown
  Action?: OneOrMany
  Condition?: Record<string, Record<string, OneOrMany>>
}

// IAM User Guide, reference_policies_elements_principal.
const waysIn = ['sts:AssumeRole', 'sts:AssumeRoleWithSAML', 'sts:AssumeRoleWithWebIdentity']

/** Whether a condition lets in nobody but principals of one account. IAM ignores the case of the key. */
const isOnlyFor = ({ Condition = {} }: Statement, accountId: string) =>
  Object.entries(Condition['StringEquals'] ?? {}).some(
    ([key, values]) =>
      key.toLowerCase() === 'aws:principalaccount' && [values].flat().every((value) => value === accountId),
  )

/** A role or user that was deleted stands in a trust policy by its unique id, which lets nobody in. */
const isDeleted = (principal: string) => /^A[RI][OD]A[A-Z0-9]+$/.test(principal)

const principalsOf = ({ Principal, NotPrincipal }: Statement) => {
  // Whoever is not named comes in.
  if (NotPrincipal !== undefined || Principal === '*') return ['*']
  return Object.entries(Principal ?? {}).flatMap(([kind, principals]) =>
    kind === 'Service' ? [] : [principals].flat(),
  )
}

/**
 * The principals that a role's trust policy lets in, and that are neither of the management account nor AWS services.
 * `*` stands for everybody. A Deny is not weighed: whoever is allowed and denied is told, too.
 */
export const strangersIn = (trust: { Statement?: unknown }, managementAccountId: string): string[] => {
  const isOurs = (principal: string) =>
    principal === managementAccountId ||
    /^arn:[^:]+:(?:iam|sts)::(\d{12}):/.exec(principal)?.[1] === managementAccountId
  const strangers = ([trust.Statement ?? []].flat() as Statement[])
    .filter(({ Effect, Action }) => Effect === 'Allow' && (!Action || waysIn.some((way) => matchesAction(Action, way))))
    .filter((statement) => !isOnlyFor(statement, managementAccountId))
    .flatMap(principalsOf)
    .filter((principal) => !isOurs(principal) && !isDeleted(principal))
  return [...new Set(strangers)]
}
