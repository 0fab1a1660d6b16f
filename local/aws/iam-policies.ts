import { createHash } from 'node:crypto'
import type * as IAM from '@aws-sdk/client-iam'
import { parsePolicy } from './authorization.ts'
import { AwsError, unsupported } from './aws-error.ts'
import { checkName, checkQuota, noSuchEntity, quotas } from './iam-common.ts'
import { managedPolicies } from './iam-managed-policies.ts'
import type { Account, World } from './world.ts'

/** Encodes a document as RFC 3986 requires: encodeURIComponent leaves some characters as they are. */
export const encodeDocument = (document: string) =>
  encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const managedPrefix = 'arn:aws:iam::aws:policy/'
const nameIn = (arn: string) => arn.slice(arn.lastIndexOf('/') + 1)
export const attached = (arns: Set<string>) => [...arns].map((arn) => ({ PolicyName: nameIn(arn), PolicyArn: arn }))

const policyExists = ({ policies }: Account, arn: string) =>
  policies.has(arn) || (arn.startsWith(managedPrefix) && managedPolicies.has(arn.slice(managedPrefix.length)))

const checkArn = (arn: string) => {
  if (!arn.startsWith('arn:')) throw new AwsError('InvalidInput', `ARN ${arn} is not valid.`)
}

export const attach = (account: Account, to: Set<string>, arn = '', quota: string) => {
  checkArn(arn)
  if (!policyExists(account, arn)) throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`)
  checkQuota(!to.has(arn) && to.size >= quotas.policies, quota, quotas.policies)
  to.add(arn)
}

export const detach = (from: Set<string>, arn = '') => {
  checkArn(arn)
  if (!from.delete(arn)) throw noSuchEntity(`Policy ${arn} was not found.`)
}

type Holder = { name: string; inline: Map<string, string> }
type Kind = 'group' | 'user'

export const putInline = (
  { name, inline }: Holder,
  { PolicyName = '', PolicyDocument = '' }: { PolicyName?: string | undefined; PolicyDocument?: string | undefined },
  { kind, most }: { kind: Kind; most: number },
) => {
  parsePolicy(PolicyDocument)
  const all = new Map([...inline, [checkName('policyName', PolicyName, 128), PolicyDocument]])
  if ([...all.values()].join('').replace(/\s/g, '').length > most)
    throw new AwsError('LimitExceeded', `Maximum policy size of ${most} bytes exceeded for ${kind} ${name}`, 409)
  inline.set(PolicyName, PolicyDocument)
}

export const getInline = ({ inline }: Holder, PolicyName = '', kind: Kind) => {
  const document = inline.get(PolicyName)
  if (document === undefined) throw noSuchEntity(`The ${kind} policy with name ${PolicyName} cannot be found.`)
  return { PolicyName, PolicyDocument: encodeDocument(document) }
}

export const deleteInline = ({ inline }: Holder, PolicyName = '', kind: Kind) => {
  if (!inline.delete(PolicyName)) throw noSuchEntity(`The ${kind} policy with name ${PolicyName} cannot be found.`)
}

export const getPolicy = (_world: World, account: Account, { PolicyArn = '' }: IAM.GetPolicyRequest) => {
  checkArn(PolicyArn)
  if (!policyExists(account, PolicyArn)) throw noSuchEntity(`Policy ${PolicyArn} was not found.`)
  const holders = [...account.users.values(), ...account.groups.values()]
  return {
    Policy: {
      PolicyName: nameIn(PolicyArn),
      PolicyId: `ANPA${createHash('sha256').update(PolicyArn).digest('hex').slice(0, 17).toUpperCase()}`,
      Arn: PolicyArn,
      Path: /:policy(\/(?:.*\/)?)/.exec(PolicyArn)?.[1],
      DefaultVersionId: 'v1',
      IsAttachable: true,
      AttachmentCount: holders.filter(({ policies }) => policies.has(PolicyArn)).length,
      PermissionsBoundaryUsageCount: 0,
      // Nobody changes policies here, so each is as old as its account.
      CreateDate: new Date(account.joinedAt),
      UpdateDate: new Date(account.joinedAt),
    },
  }
}

export const getPolicyVersion = (
  _world: World,
  account: Account,
  { PolicyArn = '', VersionId }: IAM.GetPolicyVersionRequest,
) => {
  const policy = account.policies.get(PolicyArn)
  if (!policy && policyExists(account, PolicyArn)) throw unsupported(`the document of ${PolicyArn}`)
  if (!policy || VersionId !== 'v1') throw noSuchEntity(`Policy ${PolicyArn} version ${VersionId} does not exist.`)
  return {
    PolicyVersion: {
      Document: encodeDocument(policy.document),
      VersionId,
      IsDefaultVersion: true,
      CreateDate: new Date(account.joinedAt),
    },
  }
}
