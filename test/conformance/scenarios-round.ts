import * as IAM from '@aws-sdk/client-iam'
import { AssumeRootCommand } from '@aws-sdk/client-sts'
import type { Run } from './scenarios.ts'

type Given = Parameters<Run>[0]

const policy = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
const document = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: '*' }],
})

/** A user and a group of the case's name, with everything that the round looks at. */
const userInGroup = async ({ iam, name }: Given) => {
  await iam(new IAM.CreateGroupCommand({ GroupName: name, Path: '/account-vending/' }))
  await iam(new IAM.AttachGroupPolicyCommand({ GroupName: name, PolicyArn: policy }))
  await iam(new IAM.PutGroupPolicyCommand({ GroupName: name, PolicyName: 'inline', PolicyDocument: document }))
  await iam(
    new IAM.CreateUserCommand({ UserName: name, Path: '/account-vending/', Tags: [{ Key: 'team', Value: 'search' }] }),
  )
  await iam(new IAM.AttachUserPolicyCommand({ UserName: name, PolicyArn: policy }))
  await iam(new IAM.PutUserPolicyCommand({ UserName: name, PolicyName: 'inline', PolicyDocument: document }))
  await iam(new IAM.AddUserToGroupCommand({ GroupName: name, UserName: name }))
}

/** What the answer says of the case's own user and group. The other cases make users, too. */
const ownOf = ({ name }: Given, answer: IAM.GetAccountAuthorizationDetailsResponse) => {
  const { UserDetailList, GroupDetailList, ...rest } = answer
  return {
    ...rest,
    users: UserDetailList?.filter(({ UserName }) => UserName === name),
    groups: GroupDetailList?.filter(({ GroupName }) => GroupName === name),
  }
}

const detailsOf =
  (Filter: IAM.EntityType[]): Run =>
  async (aws) => {
    await userInGroup(aws)
    // More than all users and groups of all cases.
    const answer = await aws.iam(new IAM.GetAccountAuthorizationDetailsCommand({ Filter, MaxItems: 1000 }))
    return 'refused' in answer ? answer : ownOf(aws, answer)
  }

/** The reads of the daily round that no vend makes. */
export const details: Record<string, Run> = {
  'of users and groups': detailsOf(['User', 'Group']),
  'of users': detailsOf(['User']),
  'of groups': detailsOf(['Group']),
  'with a kind that does not exist': ({ iam }) =>
    iam(new IAM.GetAccountAuthorizationDetailsCommand({ Filter: ['Nonsense' as IAM.EntityType] })),
  'in pages': async (aws) => {
    await userInGroup(aws)
    await aws.iam(new IAM.CreateUserCommand({ UserName: `${aws.name}-another` }))
    const all: IAM.GetAccountAuthorizationDetailsResponse = { UserDetailList: [], GroupDetailList: [] }
    let longest = 0
    let Marker: string | undefined
    do {
      const page = await aws.iam(
        new IAM.GetAccountAuthorizationDetailsCommand({ Filter: ['User', 'Group'], MaxItems: 2, Marker }),
      )
      const { UserDetailList = [], GroupDetailList = [] } = page
      longest = Math.max(longest, UserDetailList.length + GroupDetailList.length)
      all.UserDetailList?.push(...UserDetailList)
      all.GroupDetailList?.push(...GroupDetailList)
      Marker = page.Marker
    } while (Marker)
    const { users = [], groups = [] } = ownOf(aws, all)
    return {
      keepsToThePage: longest <= 2,
      users: users.map(({ UserName }) => UserName),
      groups: groups.map(({ GroupName }) => GroupName),
    }
  },
}

const auditing =
  (accountOf: (aws: Given) => string, more: { DurationSeconds?: number } = {}): Run =>
  (aws) =>
    aws.sts(
      new AssumeRootCommand({
        TargetPrincipal: accountOf(aws),
        TaskPolicyArn: { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' },
        ...more,
      }),
    )

/** The session in which the round reads the credentials of a root user. */
export const assumingRoot: Record<string, Run> = {
  'of a member account': auditing(({ accountId }) => accountId),
  'of the management account': auditing(({ managementAccountId }) => managementAccountId),
  'of an account that does not exist': auditing(() => '999999999999'),
  'for more than 15 minutes': auditing(({ accountId }) => accountId, { DurationSeconds: 901 }),
}
