import { DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import * as CloudTrail from '@aws-sdk/client-cloudtrail'
import * as DynamoDB from '@aws-sdk/client-dynamodb'
import * as Events from '@aws-sdk/client-eventbridge'
import * as IAM from '@aws-sdk/client-iam'
import { GetAccountSettingsCommand, GetFunctionConcurrencyCommand, InvokeCommand } from '@aws-sdk/client-lambda'
import * as Organizations from '@aws-sdk/client-organizations'
import * as SM from '@aws-sdk/client-secrets-manager'
import * as SES from '@aws-sdk/client-ses'
import {
  GetAccountCommand,
  GetConfigurationSetCommand,
  GetConfigurationSetEventDestinationsCommand,
} from '@aws-sdk/client-sesv2'
import * as SFN from '@aws-sdk/client-sfn'
import * as SQS from '@aws-sdk/client-sqs'
import * as STS from '@aws-sdk/client-sts'
import { setTimeout } from 'node:timers/promises'
import { mfaPolicy } from '../../functions/shared/mfa-policy.ts'
import * as ledger from '../../functions/shared/record-and-lease.ts'
import * as notes from '../../functions/shared/notes.ts'
import { rawMail as rawMailOf } from '../../functions/shared/raw-mail.ts'
import { recordRenewal } from '../../functions/store-password/store-password.ts'
import { account, placing, sns } from './scenarios-opening.ts'
import { deletingItems, listDevices, ofUser, removing, withDevice } from './scenarios-removal.ts'
import { assumingRoot, details } from './scenarios-round.ts'
import { type Aws, passwordPolicy, roleName, stackName, trailName } from './aws.ts'

/** Returns what to compare: an answer, or several named answers. `name` is the case's own, the same on both sides. */
export type Run = (aws: Aws & { name: string }) => Promise<unknown>

const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess'
const password = 'Correct-horse-battery-9'
const allow = (Action: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] })

const createUser = (UserName: string, more: Partial<IAM.CreateUserRequest> = {}) =>
  new IAM.CreateUserCommand({ UserName, ...more })
const createGroup = (GroupName: string, more: Partial<IAM.CreateGroupRequest> = {}) =>
  new IAM.CreateGroupCommand({ GroupName, ...more })
const addUser = (GroupName: string, UserName: string) => new IAM.AddUserToGroupCommand({ GroupName, UserName })
const tags = (count: number) => Array.from({ length: count }, (_, i) => ({ Key: `key${i}`, Value: `${i}` }))
/** Reduces an answer to whether it is a refusal. */
const whetherRefused = ({ refused, Reason }: { refused?: string; Reason?: string }) =>
  refused ? { refused, ...(Reason && { Reason }) } : { answers: true }

const tagsOf = (answer: { User?: IAM.User | undefined }) =>
  answer.User?.Tags?.toSorted((a, b) => (String(a.Key) < String(b.Key) ? -1 : 1)) ?? answer

const createProfile = (UserName: string, more: Partial<IAM.CreateLoginProfileRequest> = {}) =>
  new IAM.CreateLoginProfileCommand({ UserName, Password: password, PasswordResetRequired: true, ...more })
const getProfile = (UserName: string) => new IAM.GetLoginProfileCommand({ UserName })

/** Makes a user with a login profile. */
const userWithProfile = async ({ iam, name }: Parameters<Run>[0]) => {
  await iam(createUser(name))
  await iam(createProfile(name))
}

/** Creates a login profile with a password for a new user. Returns the refusal if IAM refuses. */
const createWith = (iam: Aws['iam'], name: string) => async (Password: string) => {
  const UserName = `${name}-${Password.length}`
  await iam(createUser(UserName))
  return whetherRefused(await iam(createProfile(UserName, { Password })))
}

const attachToGroup = (GroupName: string, PolicyArn = administrator) =>
  new IAM.AttachGroupPolicyCommand({ GroupName, PolicyArn })
const attachToUser = (UserName: string, PolicyArn = administrator) =>
  new IAM.AttachUserPolicyCommand({ UserName, PolicyArn })
const putPolicy = (GroupName: string, PolicyDocument: string, PolicyName = 'inline') =>
  new IAM.PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument })

const putUserPolicy = (UserName: string, PolicyDocument: string, PolicyName = 'inline') =>
  new IAM.PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument })
const getUserPolicy = (UserName: string) => new IAM.GetUserPolicyCommand({ UserName, PolicyName: 'inline' })

const setPolicy = (policy: IAM.UpdateAccountPasswordPolicyRequest) => new IAM.UpdateAccountPasswordPolicyCommand(policy)
/** A case that sets the account's password policy. The other cases need the policy of the beginning. */
const setting =
  (run: Run): Run =>
  async (aws) => {
    const answer = await run(aws)
    await aws.iamOfStrict(setPolicy(passwordPolicy))
    return answer
  }

const putDocument =
  (document: string): Run =>
  async ({ iam, name }) => {
    await iam(createGroup(name))
    return iam(putPolicy(name, document))
  }

/** Counts the pages of two items each, and sorts the names in all of them, because IAM promises no order. */
const inPages = async (
  ask: (paging: { MaxItems: number; Marker?: string }) => Promise<{ Marker?: string | undefined }>,
  list: string,
  nameKey: string,
  prefix = '',
) => {
  const pages: Record<string, string>[][] = []
  let Marker: string | undefined
  do {
    const page = await ask({ MaxItems: 2, ...(Marker && { Marker }) })
    pages.push((page as Record<string, Record<string, string>[]>)[list] ?? [])
    Marker = page.Marker
  } while (Marker && pages.length < 9)
  const names = pages.flatMap((page) => page.map((member) => member[nameKey]))
  return { pages: pages.length, names: names.filter((name) => name?.startsWith(prefix)).sort() }
}

const iam: Record<string, Record<string, Run>> = {
  GetUser: {
    'with tags': async ({ iam, name }) => {
      await iam(createUser(name, { Path: '/account-vending/', Tags: tags(1) }))
      return iam(new IAM.GetUserCommand({ UserName: name }))
    },
    'of a user that does not exist': ({ iam, name }) => iam(new IAM.GetUserCommand({ UserName: name })),
    'by a name in another case': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.GetUserCommand({ UserName: name.toUpperCase() }))
    },
    'by a name that is not valid': ({ iam }) => iam(new IAM.GetUserCommand({ UserName: 'a b' })),
  },
  ListMFADevices: {
    'of a user without one': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.ListMFADevicesCommand({ UserName: name }))
    },
    'of a user with one': ofUser(withDevice, listDevices),
    'of a user that is not there': ({ iam, name }) => iam(new IAM.ListMFADevicesCommand({ UserName: name })),
  },
  GetAccountAuthorizationDetails: details,
  ListUsers: {
    'by path prefix': async ({ iam, name }) => {
      await iam(createUser(`${name}-a`, { Path: `/${name}/`, Tags: tags(1) }))
      await iam(createUser(`${name}-b`, { Path: `/${name}/below/` }))
      await iam(createUser(`${name}-c`))
      const { Users, ...rest } = await iam(new IAM.ListUsersCommand({ PathPrefix: `/${name}/` }))
      return { ...rest, users: Users?.filter(({ UserName }) => UserName?.startsWith(name)) }
    },
    none: ({ iam, name }) => iam(new IAM.ListUsersCommand({ PathPrefix: `/${name}/` })),
    'in pages': async ({ iam, name }) => {
      for (const letter of ['c', 'a', 'b']) await iam(createUser(`${name}-${letter}`, { Path: `/${name}/` }))
      return inPages(
        (paging) => iam(new IAM.ListUsersCommand({ PathPrefix: `/${name}/`, ...paging })),
        'Users',
        'UserName',
        name,
      )
    },
  },
  CreateUser: {
    'with path and tags': ({ iam, name }) => iam(createUser(name, { Path: '/account-vending/', Tags: tags(2) })),
    'with no tags': ({ iam, name }) => iam(createUser(name, { Tags: [] })),
    twice: async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(createUser(name))
    },
    'of a name in another case': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(createUser(name.toUpperCase()))
    },
    'with a space in the name': ({ iam, name }) => iam(createUser(`${name} b`)),
    'with a name of 65 characters': ({ iam }) => iam(createUser('x'.repeat(65))),
    'with a path that does not end with a slash': ({ iam, name }) =>
      iam(createUser(name, { Path: '/account-vending' })),
    'with a tag twice': ({ iam, name }) =>
      iam(createUser(name, { Tags: [...tags(1), { Key: 'KEY0', Value: 'again' }] })),
    'with a comma in a tag': ({ iam, name }) => iam(createUser(name, { Tags: [{ Key: 'a', Value: 'b,c' }] })),
    'with a tag key of 129 characters': ({ iam, name }) =>
      iam(createUser(name, { Tags: [{ Key: 'x'.repeat(129), Value: '' }] })),
    'with a tag value of 257 characters': ({ iam, name }) =>
      iam(createUser(name, { Tags: [{ Key: 'a', Value: 'x'.repeat(257) }] })),
    'with 51 tags': ({ iam, name }) => iam(createUser(name, { Tags: tags(51) })),
  },
  TagUser: {
    'anew and over': async ({ iam, name }) => {
      await iam(createUser(name, { Tags: tags(2) }))
      const tagged = await iam(
        new IAM.TagUserCommand({
          UserName: name,
          Tags: [
            { Key: 'key1', Value: 'new' },
            { Key: 'more', Value: '' },
          ],
        }),
      )
      return { tagged, tags: tagsOf(await iam(new IAM.GetUserCommand({ UserName: name }))) }
    },
    'by a key in another case': async ({ iam, name }) => {
      await iam(createUser(name, { Tags: tags(1) }))
      await iam(new IAM.TagUserCommand({ UserName: name, Tags: [{ Key: 'KEY0', Value: 'new' }] }))
      return tagsOf(await iam(new IAM.GetUserCommand({ UserName: name })))
    },
    'with a 51st tag': async ({ iam, name }) => {
      await iam(createUser(name, { Tags: tags(50) }))
      return iam(new IAM.TagUserCommand({ UserName: name, Tags: [{ Key: 'more', Value: '' }] }))
    },
    'twice the same': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.TagUserCommand({ UserName: name, Tags: [...tags(1), ...tags(1)] }))
    },
    'of a user that does not exist': ({ iam, name }) => iam(new IAM.TagUserCommand({ UserName: name, Tags: tags(1) })),
  },
  AttachUserPolicy: {
    twice: async ({ iam, name }) => {
      await iam(createUser(name))
      return { first: await iam(attachToUser(name)), again: await iam(attachToUser(name)) }
    },
    'to a user that does not exist': ({ iam, name }) => iam(attachToUser(name)),
    'of a policy that is not there': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(attachToUser(name, 'arn:aws:iam::aws:policy/Nonsense'))
    },
    'of an eleventh policy': async ({ iam, name, addPolicy }) => {
      await iam(createUser(name))
      for (let i = 0; i < 10; i++) await iam(attachToUser(name, await addPolicy(`${name}-${i}`, allow('s3:*'))))
      return iam(attachToUser(name))
    },
  },
  PutUserPolicy: {
    'and over': async ({ iam, name }) => {
      await iam(createUser(name))
      const [put, over] = [
        await iam(putUserPolicy(name, allow('s3:*'))),
        await iam(putUserPolicy(name, allow('ec2:*'))),
      ]
      const { PolicyDocument } = await iam(getUserPolicy(name))
      return { put, over, document: decodeURIComponent(PolicyDocument ?? '') }
    },
    'to a user that does not exist': ({ iam, name }) => iam(putUserPolicy(name, allow('s3:*'))),
    'that is not JSON': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(putUserPolicy(name, 'nonsense'))
    },
    'that demands MFA': async ({ iam, name }) => {
      await iam(createUser(name))
      const put = await iam(putUserPolicy(name, JSON.stringify(mfaPolicy('aws'))))
      const { PolicyDocument } = await iam(getUserPolicy(name))
      return { put, document: decodeURIComponent(PolicyDocument ?? '') }
    },
    'of more than 2,048 characters': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(
        putUserPolicy(
          name,
          JSON.stringify({
            Version: '2012-10-17',
            Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::${'x'.repeat(2048)}` }],
          }),
        ),
      )
    },
  },
  GetUserPolicy: {
    'as it was put': async ({ iam, name }) => {
      await iam(createUser(name))
      await iam(putUserPolicy(name, allow('s3:*')))
      const { PolicyDocument, ...rest } = await iam(getUserPolicy(name))
      return { ...rest, document: decodeURIComponent(PolicyDocument ?? '') }
    },
    'of a policy that does not exist': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(getUserPolicy(name))
    },
    'of a user that does not exist': ({ iam, name }) => iam(getUserPolicy(name)),
  },
  ListUserPolicies: {
    'of a user': async ({ iam, name }) => {
      await iam(createUser(name))
      for (const policy of ['b', 'a']) await iam(putUserPolicy(name, allow('s3:*'), policy))
      const { PolicyNames, ...rest } = await iam(new IAM.ListUserPoliciesCommand({ UserName: name }))
      return { ...rest, names: PolicyNames?.toSorted() }
    },
    none: async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.ListUserPoliciesCommand({ UserName: name }))
    },
    'of a user that does not exist': ({ iam, name }) => iam(new IAM.ListUserPoliciesCommand({ UserName: name })),
  },
  ListAttachedUserPolicies: {
    'of a user': async ({ iam, name }) => {
      await iam(createUser(name))
      await iam(attachToUser(name))
      return iam(new IAM.ListAttachedUserPoliciesCommand({ UserName: name }))
    },
    'of a user that does not exist': ({ iam, name }) =>
      iam(new IAM.ListAttachedUserPoliciesCommand({ UserName: name })),
    'in pages': async ({ iam, name }) => {
      await iam(createUser(name))
      for (const policy of ['AdministratorAccess', 'IAMFullAccess', 'ReadOnlyAccess'])
        await iam(attachToUser(name, `arn:aws:iam::aws:policy/${policy}`))
      return inPages(
        (paging) => iam(new IAM.ListAttachedUserPoliciesCommand({ UserName: name, ...paging })),
        'AttachedPolicies',
        'PolicyName',
      )
    },
  },
  GetLoginProfile: {
    'with a password that must be changed': async (aws) => {
      await userWithProfile(aws)
      return aws.iam(getProfile(aws.name))
    },
    'of a user without a login profile': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(getProfile(name))
    },
    'of a user that does not exist': ({ iam, name }) => iam(getProfile(name)),
  },
  CreateLoginProfile: {
    'with a password that must be changed': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(createProfile(name))
    },
    'with a password that need not be changed': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.CreateLoginProfileCommand({ UserName: name, Password: password }))
    },
    twice: async (aws) => {
      await userWithProfile(aws)
      return aws.iam(createProfile(aws.name))
    },
    'of a user that does not exist': ({ iam, name }) => iam(createProfile(name)),
    'with a password that the default policy refuses': async ({ iam, name }) => {
      const create = createWith(iam, name)
      return { short: await create('Sh0rt-1'), 'of one class': await create('only-lower-case') }
    },
    "with a password that the account's policy refuses": async ({ iamOfStrict, name }) => {
      const create = createWith(iamOfStrict, name)
      return {
        short: await create('Correct-horse-9'),
        'without a symbol': await create('CorrectHorseBatteryStaple9'),
        'without upper case': await create('correct-horse-battery-staple'),
      }
    },
    'with a password of 129 characters': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(createProfile(name, { Password: `Aa1-${'x'.repeat(125)}` }))
    },
  },
  UpdateLoginProfile: {
    'at once': async (aws) => {
      await userWithProfile(aws)
      return aws.iam(new IAM.UpdateLoginProfileCommand({ UserName: aws.name, Password: password }))
    },
    'after a while': async (aws) => {
      await userWithProfile(aws)
      aws.later(10)
      const updated = await aws.iam(
        new IAM.UpdateLoginProfileCommand({ UserName: aws.name, Password: password, PasswordResetRequired: false }),
      )
      return { updated, profile: await aws.iam(getProfile(aws.name)) }
    },
    'with nothing but a password': async (aws) => {
      await userWithProfile(aws)
      aws.later(10)
      await aws.iam(new IAM.UpdateLoginProfileCommand({ UserName: aws.name, Password: password }))
      return aws.iam(getProfile(aws.name))
    },
    'of a user without a login profile': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.UpdateLoginProfileCommand({ UserName: name, Password: password }))
    },
    'of a user that does not exist': ({ iam, name }) =>
      iam(new IAM.UpdateLoginProfileCommand({ UserName: name, Password: password })),
    'with a password that the policy refuses': async (aws) => {
      await userWithProfile(aws)
      aws.later(10)
      return aws.iam(new IAM.UpdateLoginProfileCommand({ UserName: aws.name, Password: 'short' }))
    },
  },
  DeleteLoginProfile: {
    'at once': async (aws) => {
      await userWithProfile(aws)
      return aws.iam(new IAM.DeleteLoginProfileCommand({ UserName: aws.name }))
    },
    'after a while': async (aws) => {
      await userWithProfile(aws)
      aws.later(10)
      const deleted = await aws.iam(new IAM.DeleteLoginProfileCommand({ UserName: aws.name }))
      return { deleted, profile: await aws.iam(getProfile(aws.name)) }
    },
    'of a user without a login profile': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(new IAM.DeleteLoginProfileCommand({ UserName: name }))
    },
    'of a user that does not exist': ({ iam, name }) => iam(new IAM.DeleteLoginProfileCommand({ UserName: name })),
  },
  GetAccountPasswordPolicy: {
    'of an account without a password policy': ({ iam }) => iam(new IAM.GetAccountPasswordPolicyCommand({})),
    'of an account that has one': ({ iamOfStrict }) => iamOfStrict(new IAM.GetAccountPasswordPolicyCommand({})),
  },
  UpdateAccountPasswordPolicy: {
    'replaces what was set before': setting(async ({ iamOfStrict }) => {
      const get = async () => (await iamOfStrict(new IAM.GetAccountPasswordPolicyCommand({}))).PasswordPolicy
      const first = await iamOfStrict(
        setPolicy({
          MinimumPasswordLength: 14,
          RequireSymbols: true,
          RequireNumbers: true,
          MaxPasswordAge: 90,
          PasswordReusePrevention: 24,
          HardExpiry: true,
        }),
      )
      const before = await get()
      const second = await iamOfStrict(
        setPolicy({ MinimumPasswordLength: 12, RequireUppercaseCharacters: true, AllowUsersToChangePassword: true }),
      )
      return { first, before, second, after: await get() }
    }),
    'with a length of 5 characters': setting(({ iamOfStrict }) => iamOfStrict(setPolicy({ MinimumPasswordLength: 5 }))),
    'with a length of 129 characters': setting(({ iamOfStrict }) =>
      iamOfStrict(setPolicy({ MinimumPasswordLength: 129 })),
    ),
    'with an age of 0 days': setting(({ iamOfStrict }) => iamOfStrict(setPolicy({ MaxPasswordAge: 0 }))),
    'with an age of 1,096 days': setting(({ iamOfStrict }) => iamOfStrict(setPolicy({ MaxPasswordAge: 1096 }))),
    'with 25 earlier passwords': setting(({ iamOfStrict }) => iamOfStrict(setPolicy({ PasswordReusePrevention: 25 }))),
  },
  ListGroups: {
    'by path prefix': async ({ iam, name }) => {
      await iam(createGroup(`${name}-a`, { Path: `/${name}/` }))
      await iam(createGroup(`${name}-b`, { Path: `/${name}/below/` }))
      await iam(createGroup(`${name}-c`))
      const { Groups, ...rest } = await iam(new IAM.ListGroupsCommand({ PathPrefix: `/${name}/` }))
      return {
        ...rest,
        groups: Groups?.filter(({ GroupName }) => GroupName?.startsWith(name)).map(({ GroupName }) => GroupName),
      }
    },
    'in pages': async ({ iam, name }) => {
      for (const letter of ['c', 'a', 'b']) await iam(createGroup(`${name}-${letter}`, { Path: `/${name}/` }))
      return inPages(
        (paging) => iam(new IAM.ListGroupsCommand({ PathPrefix: `/${name}/`, ...paging })),
        'Groups',
        'GroupName',
        name,
      )
    },
  },
  GetGroup: {
    'with its members': async ({ iam, name }) => {
      await iam(createGroup(name, { Path: '/account-vending/' }))
      await iam(createUser(name))
      await iam(addUser(name, name))
      return iam(new IAM.GetGroupCommand({ GroupName: name }))
    },
    'of a group that does not exist': ({ iam, name }) => iam(new IAM.GetGroupCommand({ GroupName: name })),
    'by a name in another case': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(new IAM.GetGroupCommand({ GroupName: name.toUpperCase() }))
    },
    'in pages': async ({ iam, name }) => {
      await iam(createGroup(name))
      for (const letter of ['c', 'a', 'b']) {
        await iam(createUser(`${name}-${letter}`))
        await iam(addUser(name, `${name}-${letter}`))
      }
      return inPages(
        (paging) => iam(new IAM.GetGroupCommand({ GroupName: name, ...paging })),
        'Users',
        'UserName',
        name,
      )
    },
  },
  CreateGroup: {
    'with a path': ({ iam, name }) => iam(createGroup(name, { Path: '/account-vending/' })),
    twice: async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(createGroup(name))
    },
    'of a name in another case': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(createGroup(name.toUpperCase()))
    },
    'with a space in the name': ({ iam, name }) => iam(createGroup(`${name} b`)),
    'with a name of 129 characters': ({ iam }) => iam(createGroup('x'.repeat(129))),
    'with a path that does not begin with a slash': ({ iam, name }) => iam(createGroup(name, { Path: 'ours/' })),
  },
  AddUserToGroup: {
    twice: async ({ iam, name }) => {
      await iam(createGroup(name))
      await iam(createUser(name))
      const [first, again] = [await iam(addUser(name, name)), await iam(addUser(name, name))]
      const { Users } = await iam(new IAM.GetGroupCommand({ GroupName: name }))
      return { first, again, members: Users?.map(({ UserName }) => UserName) }
    },
    'of a user that does not exist': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(addUser(name, name))
    },
    'to a group that is not there': async ({ iam, name }) => {
      await iam(createUser(name))
      return iam(addUser(name, name))
    },
    'to an eleventh group': async ({ iam, name }) => {
      await iam(createUser(name))
      for (let i = 0; i < 11; i++) await iam(createGroup(`${name}-${i}`))
      for (let i = 0; i < 10; i++) await iam(addUser(`${name}-${i}`, name))
      return iam(addUser(`${name}-10`, name))
    },
  },
  ListGroupsForUser: {
    'of a member': async ({ iam, name }) => {
      await iam(createUser(name))
      for (const letter of ['a', 'b']) {
        await iam(createGroup(`${name}-${letter}`))
        await iam(addUser(`${name}-${letter}`, name))
      }
      return iam(new IAM.ListGroupsForUserCommand({ UserName: name }))
    },
    'of a user that does not exist': ({ iam, name }) => iam(new IAM.ListGroupsForUserCommand({ UserName: name })),
  },
  AttachGroupPolicy: {
    twice: async ({ iam, name }) => {
      await iam(createGroup(name))
      return { first: await iam(attachToGroup(name)), again: await iam(attachToGroup(name)) }
    },
    'to a group that is not there': ({ iam, name }) => iam(attachToGroup(name)),
    'of a policy that is not there': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(attachToGroup(name, 'arn:aws:iam::aws:policy/Nonsense'))
    },
    "of a customer's policy that is not there": async ({ iam, name, accountId }) => {
      await iam(createGroup(name))
      return iam(attachToGroup(name, `arn:aws:iam::${accountId}:policy/nonsense`))
    },
    'with a value that is not an ARN': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(attachToGroup(name, 'AdministratorAccess-is-its-name'))
    },
    'of an eleventh policy': async ({ iam, name, addPolicy }) => {
      await iam(createGroup(name))
      for (let i = 0; i < 10; i++) await iam(attachToGroup(name, await addPolicy(`${name}-${i}`, allow('s3:*'))))
      return iam(attachToGroup(name))
    },
  },
  ListAttachedGroupPolicies: {
    'of a group': async ({ iam, name }) => {
      await iam(createGroup(name))
      await iam(attachToGroup(name))
      await iam(attachToGroup(name, 'arn:aws:iam::aws:policy/job-function/Billing'))
      const { AttachedPolicies, ...rest } = await iam(new IAM.ListAttachedGroupPoliciesCommand({ GroupName: name }))
      return {
        ...rest,
        policies: AttachedPolicies?.toSorted((a, b) => (String(a.PolicyName) < String(b.PolicyName) ? -1 : 1)),
      }
    },
    none: async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(new IAM.ListAttachedGroupPoliciesCommand({ GroupName: name }))
    },
    'of a group that is not there': ({ iam, name }) =>
      iam(new IAM.ListAttachedGroupPoliciesCommand({ GroupName: name })),
  },
  PutGroupPolicy: {
    'and over': async ({ iam, name }) => {
      await iam(createGroup(name))
      const [put, over] = [await iam(putPolicy(name, allow('s3:*'))), await iam(putPolicy(name, allow('ec2:*')))]
      const { PolicyDocument } = await iam(new IAM.GetGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' }))
      return { put, over, document: decodeURIComponent(PolicyDocument ?? '') }
    },
    'to a group that is not there': ({ iam, name }) => iam(putPolicy(name, allow('s3:*'))),
    'that is not JSON': putDocument('nonsense'),
    'without a statement': putDocument('{"Version":"2012-10-17"}'),
    'with an empty list of statements': putDocument('{"Version":"2012-10-17","Statement":[]}'),
    'without an effect': putDocument('{"Version":"2012-10-17","Statement":{"Action":"s3:*","Resource":"*"}}'),
    'without a resource': putDocument('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*"}}'),
    'without an action': putDocument('{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*"}}'),
    'with an action that has no service': putDocument(allow('everything')),
    'with a principal': putDocument(
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}}',
    ),
    'with a resource that is not an ARN': putDocument(
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}',
    ),
    'of more than 5,120 characters': putDocument(
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::${'x'.repeat(5120)}` }],
      }),
    ),
  },
  GetGroupPolicy: {
    'as it was put': async ({ iam, name }) => {
      await iam(createGroup(name))
      await iam(putPolicy(name, allow('s3:*')))
      const { PolicyDocument, ...rest } = await iam(
        new IAM.GetGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' }),
      )
      return { ...rest, document: decodeURIComponent(PolicyDocument ?? '') }
    },
    'URL-encoded': async ({ iam, name }) => {
      await iam(createGroup(name))
      await iam(putPolicy(name, allow('s3:*')))
      const { PolicyDocument } = await iam(new IAM.GetGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' }))
      return PolicyDocument
    },
    'of a policy that does not exist': async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(new IAM.GetGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' }))
    },
    'of a group that is not there': ({ iam, name }) =>
      iam(new IAM.GetGroupPolicyCommand({ GroupName: name, PolicyName: 'inline' })),
  },
  ListGroupPolicies: {
    'of a group': async ({ iam, name }) => {
      await iam(createGroup(name))
      for (const policy of ['b', 'a']) await iam(putPolicy(name, allow('s3:*'), policy))
      const { PolicyNames, ...rest } = await iam(new IAM.ListGroupPoliciesCommand({ GroupName: name }))
      return { ...rest, names: PolicyNames?.toSorted() }
    },
    none: async ({ iam, name }) => {
      await iam(createGroup(name))
      return iam(new IAM.ListGroupPoliciesCommand({ GroupName: name }))
    },
    'of a group that is not there': ({ iam, name }) => iam(new IAM.ListGroupPoliciesCommand({ GroupName: name })),
  },
  GetPolicy: {
    'of an AWS managed policy': ({ iam }) =>
      iam(new IAM.GetPolicyCommand({ PolicyArn: 'arn:aws:iam::aws:policy/job-function/Billing' })),
    'of a customer managed policy': async ({ iam, name, addPolicy }) =>
      iam(new IAM.GetPolicyCommand({ PolicyArn: await addPolicy(name, allow('s3:*')) })),
    'of a policy that does not exist': ({ iam }) =>
      iam(new IAM.GetPolicyCommand({ PolicyArn: 'arn:aws:iam::aws:policy/Nonsense-of-ours' })),
    'with a value that is not an ARN': ({ iam }) =>
      iam(new IAM.GetPolicyCommand({ PolicyArn: 'AdministratorAccess-is-its-name' })),
  },
  GetRole: {
    'that lets the management account in': async ({ iam }) => {
      const { Role, ...rest } = await iam(new IAM.GetRoleCommand({ RoleName: roleName }))
      const { Path, RoleName, Arn, AssumeRolePolicyDocument = '{}' } = Role ?? {}
      const { Statement } = JSON.parse(decodeURIComponent(AssumeRolePolicyDocument)) as {
        Statement?: object | object[]
      }
      return { ...rest, Path, RoleName, Arn, Statement: [Statement].flat() }
    },
    'of a role that does not exist': ({ iam, name }) => iam(new IAM.GetRoleCommand({ RoleName: name })),
    'by a name that is not valid': ({ iam }) => iam(new IAM.GetRoleCommand({ RoleName: 'a b' })),
  },
  ListRoles: {
    'with the access role': async ({ iam }) => {
      const { Roles, ...rest } = await iam(new IAM.ListRolesCommand({ PathPrefix: '/' }))
      const found = Roles?.find(({ RoleName }) => RoleName === roleName)
      return { ...rest, Path: found?.Path, Arn: found?.Arn }
    },
    'below a path that no role has': ({ iam, name }) => iam(new IAM.ListRolesCommand({ PathPrefix: `/${name}/` })),
  },
  ListOrganizationsFeatures: {
    'of a member account': ({ iam }) => iam(new IAM.ListOrganizationsFeaturesCommand({})),
  },
  GetPolicyVersion: {
    "of the account's": async ({ iam, name, addPolicy }) => {
      const PolicyArn = await addPolicy(name, allow('s3:*'))
      const { PolicyVersion, ...rest } = await iam(new IAM.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v1' }))
      return { ...rest, ...PolicyVersion, Document: decodeURIComponent(PolicyVersion?.Document ?? '') }
    },
    'of a version that does not exist': async ({ iam, name, addPolicy }) => {
      const PolicyArn = await addPolicy(name, allow('s3:*'))
      return iam(new IAM.GetPolicyVersionCommand({ PolicyArn, VersionId: 'v9' }))
    },
    'of a policy that is not there': ({ iam, accountId }) =>
      iam(new IAM.GetPolicyVersionCommand({ PolicyArn: `arn:aws:iam::${accountId}:policy/nonsense`, VersionId: 'v1' })),
  },
}

const assume = (accountId: string, more: Partial<STS.AssumeRoleRequest> = {}) =>
  new STS.AssumeRoleCommand({
    RoleArn: `arn:aws:iam::${accountId}:role/${roleName}`,
    RoleSessionName: 'vend-1',
    ...more,
  })

const assuming =
  (more: Partial<STS.AssumeRoleRequest>): Run =>
  ({ sts, accountId }) =>
    sts(assume(accountId, more))

const sts: Record<string, Record<string, Run>> = {
  AssumeRoot: assumingRoot,
  AssumeRole: {
    'of a member account': async ({ sts, accountId }) => {
      const { PackedPolicySize: _, ...answer } = await sts(
        assume(accountId, { DurationSeconds: 900, Policy: allow('iam:*') }),
      )
      return answer
    },
    'with a space in the session name': assuming({ RoleSessionName: 'a b' }),
    'with a session name of one character': assuming({ RoleSessionName: 'a' }),
    'with a session name of 65 characters': assuming({ RoleSessionName: 'x'.repeat(65) }),
    'for less than 15 minutes': assuming({ DurationSeconds: 899 }),
    'for more than 12 hours': assuming({ DurationSeconds: 43_201 }),
    'with a value that is not an ARN': assuming({ RoleArn: 'a-role-by-its-name-alone' }),
    'of a role that does not exist': ({ sts, accountId }) =>
      sts(assume(accountId, { RoleArn: `arn:aws:iam::${accountId}:role/Nonsense` })),
    'of an account that is not there': ({ sts }) => sts(assume('999999999999')),
    'with a source identity': assuming({ SourceIdentity: 'ada' }),
    'with session tags': assuming({ Tags: [{ Key: 'a', Value: 'b' }] }),
    'with a policy that is not JSON': assuming({ Policy: 'nonsense' }),
    'with a policy of more than 2,048 characters': assuming({
      Policy: JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: 's3:*', Resource: `arn:aws:s3:::${'x'.repeat(2048)}` }],
      }),
    }),
  },
  GetCallerIdentity: {
    'of a session': async ({ ofMember }) => {
      const { UserId, ...rest } = await ofMember.sts(new STS.GetCallerIdentityCommand({}))
      return { ...rest, isOfTheRole: UserId?.endsWith(':conformance') }
    },
  },
}

const createAccount = (AccountName: string, more: Partial<Organizations.CreateAccountRequest> = {}) =>
  new Organizations.CreateAccountCommand({ AccountName, Email: `${AccountName}@example.com`, ...more })
const describeCreation = (CreateAccountRequestId = '') =>
  new Organizations.DescribeCreateAccountStatusCommand({ CreateAccountRequestId })
/** Requests an account, and returns its id when the account exists. */
const accountMade = async ({ organizations, later, name }: Parameters<Run>[0]) => {
  const { CreateAccountStatus } = await organizations(createAccount(name))
  later(60)
  const answer = await organizations(describeCreation(CreateAccountStatus?.Id))
  return answer.CreateAccountStatus?.AccountId ?? ''
}
const creating =
  (more: Partial<Organizations.CreateAccountRequest>): Run =>
  async ({ organizations, name, later }) => {
    const answer = await organizations(createAccount(name, more))
    later(60)
    return whetherRefused(answer)
  }

/** A policy's summary without its ARN and description, which the service never reads. */
const withoutDescription = ({ Arn: _, Description: __, ...summary }: Organizations.PolicySummary) => summary

const organizations: Record<string, Record<string, Run>> = {
  DescribeOrganization: {
    'by the management account': async ({ organizations }) => {
      const { Organization } = await organizations(new Organizations.DescribeOrganizationCommand({}))
      const { MasterAccountEmail, ...rest } = Organization ?? {}
      return { ...rest, hasEmail: !!MasterAccountEmail }
    },
    'by a member account': async ({ ofMember }) => {
      const { Organization, refused } = await ofMember.organizations(new Organizations.DescribeOrganizationCommand({}))
      return refused ? { refused } : { MasterAccountId: Organization?.MasterAccountId }
    },
  },
  DescribeAccount: {
    'of an account that was created': async (aws) =>
      aws.organizations(new Organizations.DescribeAccountCommand({ AccountId: await accountMade(aws) })),
    'of an account that does not exist': ({ organizations }) =>
      organizations(new Organizations.DescribeAccountCommand({ AccountId: '999999999999' })),
    'with a value that is not an id': ({ organizations }) =>
      organizations(new Organizations.DescribeAccountCommand({ AccountId: '12345' })),
    'by a member account': ({ ofMember, managementAccountId }) =>
      ofMember.organizations(new Organizations.DescribeAccountCommand({ AccountId: managementAccountId })),
  },
  ListParents: {
    'of an account in the root': ({ organizations, accountId }) =>
      organizations(new Organizations.ListParentsCommand({ ChildId: accountId })),
    'of an account in a unit': ({ organizations, accountInUnit }) =>
      organizations(new Organizations.ListParentsCommand({ ChildId: accountInUnit })),
    'of a unit': ({ organizations, unitId }) =>
      organizations(new Organizations.ListParentsCommand({ ChildId: unitId })),
    'of an account that is not there': ({ organizations }) =>
      organizations(new Organizations.ListParentsCommand({ ChildId: '999999999999' })),
    'with a value that is not an id': ({ organizations }) =>
      organizations(new Organizations.ListParentsCommand({ ChildId: 'Security' })),
  },
  ListAccounts: {
    'with an account that was created': async (aws) => {
      const id = await accountMade(aws)
      const accounts: Organizations.Account[] = []
      let NextToken: string | undefined
      do {
        const page = await aws.organizations(new Organizations.ListAccountsCommand({ ...(NextToken && { NextToken }) }))
        accounts.push(...(page.Accounts ?? []))
        NextToken = page.NextToken
      } while (NextToken)
      return accounts.filter(({ Id }) => Id === id)
    },
    'in pages': async ({ organizations }) => {
      const { Accounts, NextToken } = await organizations(new Organizations.ListAccountsCommand({ MaxResults: 2 }))
      const next = await organizations(
        new Organizations.ListAccountsCommand({ MaxResults: 2, ...(NextToken && { NextToken }) }),
      )
      const ids = [Accounts, next.Accounts].flatMap((page) => page?.map(({ Id }) => Id) ?? [])
      return { first: Accounts?.length, second: next.Accounts?.length, different: new Set(ids).size }
    },
    'by a member account': ({ ofMember }) => ofMember.organizations(new Organizations.ListAccountsCommand({})),
  },
  CreateAccount: {
    'until the account exists': async ({ organizations, name, later }) => {
      const asked = await organizations(
        createAccount(name, { RoleName: 'AWSControlTowerExecution', Tags: tags(1), IamUserAccessToBilling: 'ALLOW' }),
      )
      later(60)
      const ended = await organizations(describeCreation(asked.CreateAccountStatus?.Id))
      return { asked, ended }
    },
    'of an address that is taken': async ({ organizations, name, later }) => {
      await organizations(createAccount(name))
      later(60)
      const { CreateAccountStatus, refused } = await organizations(
        createAccount(name, { Email: `${name}@Example.com`.replace('Example', 'example') }),
      )
      later(60)
      return refused ? { refused } : organizations(describeCreation(CreateAccountStatus?.Id))
    },
    'of an address that is too short': creating({ Email: 'a@b.c' }),
    'of an address without @': creating({ Email: 'nonsense.example.com' }),
    'of an address with a space': creating({ Email: 'a b@example.com' }),
    'of an address that begins with a dot': creating({ Email: '.ada@example.com' }),
    'of an address with a hyphen at the end': creating({ Email: 'ada@example.com-' }),
    'of an address without a dot in the domain': creating({ Email: 'ada.lovelace@example' }),
    'of an address of 65 characters': creating({ Email: `${'x'.repeat(53)}@example.com` }),
    'of an address that is not ASCII': creating({ Email: 'müller@example.com' }),
    'of a name of 51 characters': creating({ AccountName: 'x'.repeat(51) }),
    'of a name that is not ASCII': creating({ AccountName: 'Müller' }),
    'with a role name that is not valid': creating({ RoleName: 'a b' }),
    'with a tag twice': creating({ Tags: [...tags(1), ...tags(1)] }),
    'with a comma in a tag': creating({ Tags: [{ Key: 'a', Value: 'b,c' }] }),
    'with 51 tags': creating({ Tags: tags(51) }),
    'of a sixth account at the same time': async ({ organizations, name, later }) => {
      for (let i = 0; i < 5; i++) await organizations(createAccount(`${name}-${i}`))
      const answer = await organizations(createAccount(`${name}-5`))
      later(60)
      return whetherRefused(answer)
    },
    'by a member account': ({ ofMember, name }) => ofMember.organizations(createAccount(name)),
  },
  ListPolicies: {
    'of service control': async ({ organizations }) => {
      const { Policies, ...rest } = await organizations(
        new Organizations.ListPoliciesCommand({ Filter: 'SERVICE_CONTROL_POLICY' }),
      )
      const sorted = Policies?.toSorted((a, b) => (String(a.Name) < String(b.Name) ? -1 : 1))
      return { ...rest, policies: sorted?.map(withoutDescription) }
    },
  },
  DescribePolicy: {
    'that is ours': async ({ organizations, policyId }) => {
      const { Policy, ...rest } = await organizations(new Organizations.DescribePolicyCommand({ PolicyId: policyId }))
      const { PolicySummary = {}, Content = '' } = Policy ?? {}
      return { ...rest, summary: withoutDescription(PolicySummary), document: JSON.parse(Content) as unknown }
    },
    "that is AWS's": async ({ organizations }) => {
      const { Policy } = await organizations(new Organizations.DescribePolicyCommand({ PolicyId: 'p-FullAWSAccess' }))
      return { name: Policy?.PolicySummary?.Name, document: JSON.parse(Policy?.Content ?? '') as unknown }
    },
    'of a policy that does not exist': ({ organizations }) =>
      organizations(new Organizations.DescribePolicyCommand({ PolicyId: 'p-99999999' })),
    'with a value that is not an id': ({ organizations }) =>
      organizations(new Organizations.DescribePolicyCommand({ PolicyId: 'nonsense' })),
  },
  ListTargetsForPolicy: {
    'of a unit': async ({ organizations, policyId }) => {
      const { Targets, ...rest } = await organizations(
        new Organizations.ListTargetsForPolicyCommand({ PolicyId: policyId }),
      )
      return { ...rest, targets: Targets?.map(({ Arn: _, ...target }) => target) }
    },
    'of a policy that does not exist': ({ organizations }) =>
      organizations(new Organizations.ListTargetsForPolicyCommand({ PolicyId: 'p-99999999' })),
  },
  ListAWSServiceAccessForOrganization: {
    'of the two services': ({ organizations }) =>
      organizations(new Organizations.ListAWSServiceAccessForOrganizationCommand({})),
  },
  DescribeCreateAccountStatus: {
    'of a creation that does not exist': ({ organizations }) =>
      organizations(describeCreation(`car-${'a'.repeat(32)}`)),
    'with a value that is not an id': ({ organizations }) => organizations(describeCreation('nonsense')),
  },
  ListCreateAccountStatus: {
    'has a request': async ({ organizations, name }) => {
      const { CreateAccountStatus } = await organizations(createAccount(name))
      const { CreateAccountStatuses } = await organizations(new Organizations.ListCreateAccountStatusCommand({}))
      return { isThere: CreateAccountStatuses?.some(({ Id }) => Id === CreateAccountStatus?.Id) }
    },
    'of the failed requests lacks one that did not fail': async ({ organizations, name }) => {
      await organizations(createAccount(name))
      const { CreateAccountStatuses } = await organizations(
        new Organizations.ListCreateAccountStatusCommand({ States: ['FAILED'] }),
      )
      return { isThere: CreateAccountStatuses?.some(({ AccountName }) => AccountName === name) }
    },
  },
}

const first = 'a'.repeat(32)
const second = 'b'.repeat(32)
const third = 'c'.repeat(32)
const createSecret = (Name: string, more: Partial<SM.CreateSecretRequest> = {}) =>
  new SM.CreateSecretCommand({ Name, SecretString: 'one', ClientRequestToken: first, ...more })
const putValue = (SecretId: string, ClientRequestToken: string, SecretString: string) =>
  new SM.PutSecretValueCommand({ SecretId, ClientRequestToken, SecretString })
const getValue = (SecretId: string, more: Partial<SM.GetSecretValueRequest> = {}) =>
  new SM.GetSecretValueCommand({ SecretId, ...more })
const describeSecret = (SecretId: string) => new SM.DescribeSecretCommand({ SecretId })
const deleteSecret = (SecretId: string, more: Partial<SM.DeleteSecretRequest> = {}) =>
  new SM.DeleteSecretCommand({ SecretId, ...more })

/** Creates a secret with two versions. */
const twoVersions = async ({ secretsmanager, name }: Parameters<Run>[0]) => {
  await secretsmanager(createSecret(name))
  return secretsmanager(putValue(name, second, 'two'))
}
/** Creates a secret and schedules it for deletion. */
const marked = async ({ secretsmanager, name }: Parameters<Run>[0]) => {
  await secretsmanager(createSecret(name))
  await secretsmanager(deleteSecret(name, { RecoveryWindowInDays: 7 }))
}

const classes = (text = '') => ({
  length: text.length,
  lower: /[a-z]/.test(text),
  upper: /[A-Z]/.test(text),
  digit: /\d/.test(text),
  punctuation: /[^\w\s]|_/.test(text),
  space: text.includes(' '),
})
const random =
  (more: SM.GetRandomPasswordRequest): Run =>
  async ({ secretsmanager }) => {
    const { RandomPassword, refused } = await secretsmanager(new SM.GetRandomPasswordCommand(more))
    return refused
      ? { refused }
      : {
          ...classes(RandomPassword),
          excluded: [...(more.ExcludeCharacters ?? '')].some((one) => RandomPassword?.includes(one)),
        }
  }

const secretsmanager: Record<string, Record<string, Run>> = {
  CreateSecret: {
    'with all that we send': ({ secretsmanager, name }) =>
      secretsmanager(createSecret(`account-vending/${name}`, { Description: 'ours', Tags: tags(2) })),
    'twice the same': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(createSecret(name))
    },
    'again with another value': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(createSecret(name, { SecretString: 'two' }))
    },
    'again with another token': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(createSecret(name, { ClientRequestToken: second }))
    },
    'with the name of a secret that is scheduled for deletion': async (aws) => {
      await marked(aws)
      return aws.secretsmanager(createSecret(aws.name, { ClientRequestToken: second }))
    },
    'with a space in the name': ({ secretsmanager, name }) => secretsmanager(createSecret(`${name} b`)),
    'with a token of 31 characters': ({ secretsmanager, name }) =>
      secretsmanager(createSecret(name, { ClientRequestToken: 'x'.repeat(31) })),
    'with a token of 65 characters': ({ secretsmanager, name }) =>
      secretsmanager(createSecret(name, { ClientRequestToken: 'x'.repeat(65) })),
    'with an empty value': ({ secretsmanager, name }) => secretsmanager(createSecret(name, { SecretString: '' })),
    'with a value of 65,537 characters': ({ secretsmanager, name }) =>
      secretsmanager(createSecret(name, { SecretString: 'x'.repeat(65_537) })),
    'by a member account': async ({ ofMember, name }) => {
      const { ARN } = await ofMember.secretsmanager(createSecret(name))
      return ofMember.secretsmanager(describeSecret(ARN ?? name))
    },
  },
  PutSecretValue: {
    'of a second version': async (aws) => {
      const put = await twoVersions(aws)
      const { VersionIdsToStages } = await aws.secretsmanager(describeSecret(aws.name))
      return { put, VersionIdsToStages }
    },
    'of a third version': async (aws) => {
      await twoVersions(aws)
      await aws.secretsmanager(putValue(aws.name, third, 'three'))
      const { VersionIdsToStages = {} } = await aws.secretsmanager(describeSecret(aws.name))
      // The page shows the names of the fields, and an id of a version would mean nothing there.
      const [oldest, previous, current] = [first, second, third].map((id) => VersionIdsToStages[id])
      return { oldest, previous, current }
    },
    'twice the same': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(putValue(aws.name, second, 'two'))
    },
    'again with another value': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(putValue(aws.name, second, 'three'))
    },
    'again of a version that is not current any more': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(putValue(aws.name, first, 'one'))
    },
    'to a secret that is not there': ({ secretsmanager, name }) => secretsmanager(putValue(name, first, 'one')),
    'to a secret that is scheduled for deletion': async (aws) => {
      await marked(aws)
      return aws.secretsmanager(putValue(aws.name, second, 'two'))
    },
    'with a token of 31 characters': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(putValue(name, 'x'.repeat(31), 'two'))
    },
  },
  DescribeSecret: {
    'with tags': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name, { Description: 'ours', Tags: tags(1) }))
      return secretsmanager(describeSecret(name))
    },
    'by its ARN': async ({ secretsmanager, name }) => {
      const { ARN = '' } = await secretsmanager(createSecret(name))
      return {
        whole: await secretsmanager(describeSecret(ARN)),
        short: await secretsmanager(describeSecret(ARN.slice(0, -7))),
      }
    },
    'of a secret that does not exist': ({ secretsmanager, name }) => secretsmanager(describeSecret(name)),
    'that is scheduled for deletion': async (aws) => {
      await marked(aws)
      return aws.secretsmanager(describeSecret(aws.name))
    },
  },
  GetSecretValue: {
    'of the current version': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(getValue(aws.name))
    },
    'of the one before': async (aws) => {
      await twoVersions(aws)
      return {
        'by its stage': await aws.secretsmanager(getValue(aws.name, { VersionStage: 'AWSPREVIOUS' })),
        'by its id': await aws.secretsmanager(getValue(aws.name, { VersionId: first })),
      }
    },
    'of a version that is not there': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(getValue(aws.name, { VersionId: third }))
    },
    'of a stage that is not there': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(getValue(name, { VersionStage: 'AWSPREVIOUS' }))
    },
    'of a version that has another stage': async (aws) => {
      await twoVersions(aws)
      return aws.secretsmanager(getValue(aws.name, { VersionId: first, VersionStage: 'AWSCURRENT' }))
    },
    'of a secret that does not exist': ({ secretsmanager, name }) => secretsmanager(getValue(name)),
    'that is scheduled for deletion': async (aws) => {
      await marked(aws)
      return aws.secretsmanager(getValue(aws.name))
    },
  },
  RestoreSecret: {
    'that is scheduled for deletion': async (aws) => {
      await marked(aws)
      const restored = await aws.secretsmanager(new SM.RestoreSecretCommand({ SecretId: aws.name }))
      return { restored, value: (await aws.secretsmanager(getValue(aws.name))).SecretString }
    },
    'that is not scheduled for deletion': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(new SM.RestoreSecretCommand({ SecretId: name }))
    },
    'of a secret that does not exist': ({ secretsmanager, name }) =>
      secretsmanager(new SM.RestoreSecretCommand({ SecretId: name })),
  },
  DeleteSecret: {
    'in seven days': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(deleteSecret(name, { RecoveryWindowInDays: 7 }))
    },
    'in six days': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(deleteSecret(name, { RecoveryWindowInDays: 6 }))
    },
    'in 31 days': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(deleteSecret(name, { RecoveryWindowInDays: 31 }))
    },
    'at once': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      const deleted = await secretsmanager(deleteSecret(name, { ForceDeleteWithoutRecovery: true }))
      return { deleted, anew: await secretsmanager(createSecret(name, { ClientRequestToken: second })) }
    },
    'at once and in seven days': async ({ secretsmanager, name }) => {
      await secretsmanager(createSecret(name))
      return secretsmanager(deleteSecret(name, { ForceDeleteWithoutRecovery: true, RecoveryWindowInDays: 7 }))
    },
    'at once, after it was scheduled': async (aws) => {
      await marked(aws)
      return aws.secretsmanager(deleteSecret(aws.name, { ForceDeleteWithoutRecovery: true }))
    },
    twice: async (aws) => {
      await marked(aws)
      return aws.secretsmanager(deleteSecret(aws.name))
    },
    'of a secret that does not exist': ({ secretsmanager, name }) => secretsmanager(deleteSecret(name)),
    'of a secret that does not exist, at once': ({ secretsmanager, name }) =>
      secretsmanager(deleteSecret(name, { ForceDeleteWithoutRecovery: true })),
  },
  ListSecrets: {
    'with and without the deleted': async (aws) => {
      await marked(aws)
      await aws.secretsmanager(createSecret(`${aws.name}-b`, { Description: 'ours', Tags: tags(1) }))
      const ours = async (more: SM.ListSecretsRequest = {}) =>
        (await aws.secretsmanager(new SM.ListSecretsCommand(more))).SecretList?.filter(({ Name }) =>
          Name?.startsWith(aws.name),
        )
      return {
        without: await ours(),
        names: (await ours({ IncludePlannedDeletion: true }))?.map(({ Name }) => Name).sort(),
      }
    },
    'in pages': async ({ secretsmanager, name }) => {
      for (const letter of ['a', 'b', 'c']) await secretsmanager(createSecret(`${name}-${letter}`))
      const page = await secretsmanager(new SM.ListSecretsCommand({ MaxResults: 2 }))
      const next = await secretsmanager(
        new SM.ListSecretsCommand({ MaxResults: 2, ...(page.NextToken && { NextToken: page.NextToken }) }),
      )
      const names = [page, next].flatMap(({ SecretList }) => SecretList?.map(({ Name }) => Name) ?? [])
      return { first: page.SecretList?.length, different: new Set(names).size }
    },
  },
  GetRandomPassword: {
    'by default': random({}),
    'of four, with each type': random({ PasswordLength: 4, RequireEachIncludedType: true }),
    'of digits': random({
      PasswordLength: 100,
      ExcludeLowercase: true,
      ExcludeUppercase: true,
      ExcludePunctuation: true,
    }),
    'with the space': random({ PasswordLength: 4000, IncludeSpace: true }),
    'without the characters that we exclude': random({
      PasswordLength: 1000,
      ExcludeCharacters: '0O1lI|"\'`=+-@,./:;<>?\\~',
    }),
    'too short for each type': random({ PasswordLength: 3, RequireEachIncludedType: true }),
    'of 0 characters': random({ PasswordLength: 0 }),
    'of 4,097 characters': random({ PasswordLength: 4097 }),
    'with every character excluded': random({
      ExcludeLowercase: true,
      ExcludeUppercase: true,
      ExcludePunctuation: true,
      ExcludeNumbers: true,
    }),
  },
}

const mail = (Source: string, to: string[] = ['ada@example.com'], Data = 'Hello') =>
  new SES.SendEmailCommand({
    Source,
    Destination: { ToAddresses: to },
    Message: { Subject: { Data: 'Subject' }, Body: { Text: { Data }, Html: { Data: '<b>Hello</b>' } } },
  })

const rawMail = (Source: string) =>
  new SES.SendRawEmailCommand({
    Source,
    Destinations: ['ada@example.com'],
    RawMessage: {
      Data: rawMailOf({
        from: Source,
        to: ['ada@example.com'],
        subject: 'Re: Subject',
        text: 'Hello',
        html: '<b>Hello</b>',
        inReplyTo: '<first@email.amazonses.com>',
      }),
    },
  })

const verification = (...Identities: string[]) => new SES.GetIdentityVerificationAttributesCommand({ Identities })

const ses: Record<string, Record<string, Run>> = {
  GetIdentityVerificationAttributes: {
    'of a domain that is verified': ({ ses }) => ses(verification('example.com')),
    'of an identity that does not exist': ({ ses }) => ses(verification('example.com', 'elsewhere.org')),
  },
  ListIdentities: {
    'with a verified domain': async ({ ses }) => {
      const { Identities, ...rest } = await ses(new SES.ListIdentitiesCommand({ IdentityType: 'Domain' }))
      return { ...rest, isListed: Identities?.includes('example.com') }
    },
  },
  VerifyEmailIdentity: {
    'of an address that is not verified': async ({ ses, name }) => {
      const EmailAddress = `${name}@elsewhere.org`
      const answer = await ses(new SES.VerifyEmailIdentityCommand({ EmailAddress }))
      const { VerificationAttributes } = await ses(verification(EmailAddress))
      return { answer, status: VerificationAttributes?.[EmailAddress]?.VerificationStatus }
    },
  },
  GetAccount: {
    'of version 2': async ({ sesv2 }) => whetherRefused(await sesv2(new GetAccountCommand({}))),
  },
  GetConfigurationSet: {
    'of a set that does not exist': ({ sesv2 }) =>
      sesv2(new GetConfigurationSetCommand({ ConfigurationSetName: 'none' })),
  },
  GetConfigurationSetEventDestinations: {
    'of a set that is not there': ({ sesv2 }) =>
      sesv2(new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: 'none' })),
  },
  SendEmail: {
    'by a verified domain': ({ ses }) => ses(mail('Vending <vending@example.com>')),
    'by an address that is not verified': ({ ses }) => ses(mail('vending@elsewhere.org')),
    'to no recipient': ({ ses }) => ses(mail('vending@example.com', [])),
    'to 51 recipients': ({ ses }) =>
      ses(
        mail(
          'vending@example.com',
          Array.from({ length: 51 }, (_, i) => `a${i}@example.com`),
        ),
      ),
    'to a value that is not an address': ({ ses }) => ses(mail('vending@example.com', ['nonsense'])),
  },
  SendRawEmail: {
    'by a verified domain': ({ ses }) => ses(rawMail('Vending <vending@example.com>')),
    'by an address that is not verified': ({ ses }) => ses(rawMail('vending@elsewhere.org')),
  },
}

const putEvents = (...Entries: Events.PutEventsRequestEntry[]) => new Events.PutEventsCommand({ Entries })
const entry = (more: Partial<Events.PutEventsRequestEntry> = {}): Events.PutEventsRequestEntry => ({
  Source: 'account-vending',
  DetailType: 'Account Vended',
  Detail: '{"accountId":"444455556666"}',
  Resources: ['arn:aws:states:us-east-1:111122223333:execution:vend-account:1'],
  ...more,
})
const putting =
  (...entries: Events.PutEventsRequestEntry[]): Run =>
  async ({ events }) => {
    const { Entries, ...rest } = await events(putEvents(...entries))
    // Do not compare messages, because they are for people.
    return rest.refused ? rest : { ...rest, Entries: Entries?.map(({ EventId, ErrorCode }) => ErrorCode ?? !!EventId) }
  }

const events: Record<string, Record<string, Run>> = {
  ListRules: {
    'by prefix': ({ events }) => events(new Events.ListRulesCommand({ NamePrefix: 'conformance-' })),
    'that is switched off': ({ events }) => events(new Events.ListRulesCommand({ NamePrefix: 'other' })),
    none: ({ events }) => events(new Events.ListRulesCommand({ NamePrefix: 'nonsense' })),
    'in pages': async ({ events }) => {
      const page = await events(new Events.ListRulesCommand({ Limit: 2 }))
      const next = await events(
        new Events.ListRulesCommand({ Limit: 2, ...(page.NextToken && { NextToken: page.NextToken }) }),
      )
      return [page, next].map(({ Rules, NextToken }) => ({
        names: Rules?.map(({ Name }) => Name),
        isLast: NextToken === undefined,
      }))
    },
  },
  PutEvents: {
    'of two': putting(entry(), entry()),
    'of no events': putting(),
    'of eleven': putting(...Array.from({ length: 11 }, () => entry())),
    'with a detail that is not JSON': putting(entry(), entry({ Detail: 'nonsense' })),
    'with one that has no source': async (aws) => {
      const { Source: _, ...rest } = entry()
      return putting(entry(), rest)(aws)
    },
    'without a source': async (aws) => {
      const { Source: _, ...rest } = entry()
      return putting(rest)(aws)
    },
    'without a detail type': async (aws) => {
      const { DetailType: _, ...rest } = entry()
      return putting(rest)(aws)
    },
    'without a detail': async (aws) => {
      const { Detail: _, ...rest } = entry()
      return putting(rest)(aws)
    },
    "with a source of AWS's own": putting(entry({ Source: 'aws.organizations' })),
    'of more than 1 MB': putting(entry({ Detail: JSON.stringify({ text: 'x'.repeat(1_100_000) }) })),
  },
}

const startExecution = (stateMachineArn: string, name: string, input?: string) =>
  new SFN.StartExecutionCommand({ stateMachineArn, name, ...(input !== undefined && { input }) })

const executionArnOf = (stateMachineArn: string, name: string) =>
  `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`

/** Starts an execution and describes it when it has ended. */
const ended =
  (input: string): Run =>
  async ({ states, stateMachineArn, name }) => {
    const { executionArn = '' } = await states(startExecution(stateMachineArn, name, input))
    for (let tries = 0; ; tries++) {
      const execution = await states(new SFN.DescribeExecutionCommand({ executionArn }))
      const { output, ...rest } = execution
      if (rest.status !== 'RUNNING' || tries > 100)
        return { ...rest, ...(output && { output: JSON.parse(output) as unknown }) }
      await setTimeout(50)
    }
  }

const states: Record<string, Record<string, Run>> = {
  StartExecution: {
    'of a name': ({ states, stateMachineArn, name }) => states(startExecution(stateMachineArn, name, '{}')),
    'of a machine that is not there': ({ states, stateMachineArn, name }) =>
      states(startExecution(`${stateMachineArn}-of-nobody`, name, '{}')),
    'with a space in the name': ({ states, stateMachineArn }) => states(startExecution(stateMachineArn, 'a b', '{}')),
    'with a dot in the name': ({ states, stateMachineArn, name }) =>
      states(startExecution(stateMachineArn, `${name}.b`, '{}')),
    'with a value that is not an ARN': ({ states, name }) => states(startExecution('nonsense', name, '{}')),
    'with a name of 81 characters': ({ states, stateMachineArn }) =>
      states(startExecution(stateMachineArn, 'x'.repeat(81), '{}')),
    'with an input that is not JSON': ({ states, stateMachineArn, name }) =>
      states(startExecution(stateMachineArn, name, 'nonsense')),
    'with an input of more than 256 KiB': ({ states, stateMachineArn, name }) =>
      states(startExecution(stateMachineArn, name, JSON.stringify('x'.repeat(262_144)))),
    'twice the same, while it runs': async ({ states, stateMachineArn, name }) => {
      const one = await states(startExecution(stateMachineArn, name, '{"do":"wait"}'))
      const again = await states(startExecution(stateMachineArn, name, '{"do":"wait"}'))
      return again.refused ? again : { isTheSame: one.executionArn === again.executionArn }
    },
    'again with another input': async ({ states, stateMachineArn, name }) => {
      await states(startExecution(stateMachineArn, name, '{"do":"wait"}'))
      return states(startExecution(stateMachineArn, name, '{}'))
    },
    'twice the same, after its end': async (aws) => {
      await ended('{"do":"succeed"}')(aws)
      return aws.states(startExecution(aws.stateMachineArn, aws.name, '{"do":"succeed"}'))
    },
  },
  RedriveExecution: {
    'of an execution that failed': async (aws) => {
      const { executionArn } = (await ended('{"do":"fail"}')(aws)) as SFN.DescribeExecutionOutput
      return whetherRefused(await aws.states(new SFN.RedriveExecutionCommand({ executionArn })))
    },
    'of an execution that succeeded': async (aws) => {
      const { executionArn } = (await ended('{"do":"succeed"}')(aws)) as SFN.DescribeExecutionOutput
      return whetherRefused(await aws.states(new SFN.RedriveExecutionCommand({ executionArn })))
    },
    'of an execution that does not exist': ({ states, stateMachineArn, name }) =>
      states(new SFN.RedriveExecutionCommand({ executionArn: executionArnOf(stateMachineArn, name) })),
  },
  StopExecution: {
    'of a running execution': async ({ states, stateMachineArn, name }) => {
      const { executionArn = '' } = await states(startExecution(stateMachineArn, name, '{"do":"wait"}'))
      await setTimeout(100)
      const stopped = await states(new SFN.StopExecutionCommand({ executionArn, error: 'OurError', cause: 'because' }))
      await setTimeout(300)
      return { stopped, execution: await states(new SFN.DescribeExecutionCommand({ executionArn })) }
    },
    'of an execution that does not exist': ({ states, stateMachineArn, name }) =>
      states(new SFN.StopExecutionCommand({ executionArn: executionArnOf(stateMachineArn, name) })),
  },
  DescribeExecution: {
    'of a running execution': async ({ states, stateMachineArn, name }) => {
      const { executionArn } = await states(startExecution(stateMachineArn, name, '{"do":"wait"}'))
      return states(new SFN.DescribeExecutionCommand({ executionArn }))
    },
    'of an execution that succeeded': ended('{"do":"succeed"}'),
    'of an execution that failed': ended('{"do":"fail"}'),
    'of an execution that does not exist': ({ states, stateMachineArn, name }) =>
      states(new SFN.DescribeExecutionCommand({ executionArn: executionArnOf(stateMachineArn, name) })),
    'with a value that is not an ARN': ({ states }) =>
      states(new SFN.DescribeExecutionCommand({ executionArn: 'nonsense' })),
  },
  DescribeStateMachine: {
    'has the definition': async ({ states, stateMachineArn }) => {
      const { definition, name } = await states(new SFN.DescribeStateMachineCommand({ stateMachineArn }))
      return { name, definition: typeof JSON.parse(definition ?? 'null') }
    },
    'of a state machine that does not exist': ({ states, stateMachineArn }) =>
      states(new SFN.DescribeStateMachineCommand({ stateMachineArn: `${stateMachineArn}-of-nobody` })),
  },
  DescribeStateMachineForExecution: {
    'has the definition of the start': async ({ states, stateMachineArn, name }) => {
      const { executionArn } = await states(startExecution(stateMachineArn, name, '{"do":"succeed"}'))
      const then = await states(new SFN.DescribeStateMachineForExecutionCommand({ executionArn }))
      const now = await states(new SFN.DescribeStateMachineCommand({ stateMachineArn }))
      return { isTheSame: then.definition === now.definition }
    },
    'of an execution that does not exist': ({ states, stateMachineArn, name }) =>
      states(new SFN.DescribeStateMachineForExecutionCommand({ executionArn: executionArnOf(stateMachineArn, name) })),
  },
  ListExecutions: {
    'with an execution that succeeded': async (aws) => {
      await ended('{"do":"succeed"}')(aws)
      const { stateMachineArn, name } = aws
      const { executions } = await aws.states(new SFN.ListExecutionsCommand({ stateMachineArn }))
      return { ...executions?.find((execution) => execution.name === name) }
    },
    'of a machine that is not there': ({ states, stateMachineArn }) =>
      states(new SFN.ListExecutionsCommand({ stateMachineArn: `${stateMachineArn}-of-nobody` })),
  },
}

const cloudtrail: Record<string, Record<string, Run>> = {
  DescribeTrails: {
    'of the organization': async ({ cloudtrail }) => {
      const { trailList, ...rest } = await cloudtrail(
        new CloudTrail.DescribeTrailsCommand({ includeShadowTrails: true }),
      )
      // Leave out where the trail's files go, because the local AWS does not have that.
      return {
        ...rest,
        trails: trailList?.map(({ Name, TrailARN, HomeRegion, IsMultiRegionTrail, IsOrganizationTrail }) => ({
          Name,
          TrailARN,
          HomeRegion,
          IsMultiRegionTrail,
          IsOrganizationTrail,
        })),
      }
    },
  },
  GetTrailStatus: {
    'that logs': async ({ cloudtrail }) => {
      const { IsLogging, refused } = await cloudtrail(new CloudTrail.GetTrailStatusCommand({ Name: trailName }))
      return refused ? { refused } : { IsLogging }
    },
    'of a trail that does not exist': ({ cloudtrail }) =>
      cloudtrail(new CloudTrail.GetTrailStatusCommand({ Name: 'nonsense' })),
  },
  GetEventSelectors: {
    'of management events': ({ cloudtrail }) =>
      cloudtrail(new CloudTrail.GetEventSelectorsCommand({ TrailName: trailName })),
    'of a trail that does not exist': ({ cloudtrail }) =>
      cloudtrail(new CloudTrail.GetEventSelectorsCommand({ TrailName: 'nonsense' })),
  },
}

const cloudformation: Record<string, Record<string, Run>> = {
  DescribeStacks: {
    'by name': async ({ cloudformation }) => {
      const { Stacks, ...rest } = await cloudformation(new DescribeStacksCommand({ StackName: stackName }))
      return {
        ...rest,
        stacks: Stacks?.map(({ StackName, StackStatus, CreationTime, Outputs }) => ({
          StackName,
          StackStatus,
          CreationTime,
          Outputs,
        })),
      }
    },
    'of a stack that does not exist': ({ cloudformation }) =>
      cloudformation(new DescribeStacksCommand({ StackName: 'nonsense' })),
  },
}

const lambda: Record<string, Record<string, Run>> = {
  Invoke: {
    'of a function that is not there': ({ lambda, name }) => lambda(new InvokeCommand({ FunctionName: name })),
  },
  GetFunctionConcurrency: {
    'of a function that is not there': ({ lambda, name }) =>
      lambda(new GetFunctionConcurrencyCommand({ FunctionName: name })),
  },
  GetAccountSettings: {
    'of the account': async ({ lambda }) => whetherRefused(await lambda(new GetAccountSettingsCommand({}))),
  },
}

const vend = { id: first, executionArn: 'arn:aws:states:us-east-1:444455556666:execution:vend-account:1' }
const group = { name: 'Administrators', policies: [administrator], inline: {} }
const admin = {
  userName: 'Ada',
  email: 'ada@example.com',
  groups: ['Administrators'],
  policies: [],
  tags: {},
  passwordResetRequired: true,
}

const takeLease = ({ ledger: table, name }: Parameters<Run>[0], by = vend, seen?: ledger.AccountRecord) =>
  ledger.takeLease(table, {
    vend: by,
    account: { id: name, name: 'Example' },
    ask: { groups: [group], admins: [admin] },
    askHash: 'hash',
    requestedBy: 'ada',
    record: seen,
  })
const read = async ({ ledger: table, name }: Parameters<Run>[0]) => {
  const text = JSON.stringify((await ledger.readAccount(table, name)) ?? null)
  // The two sides run at different times.
  return JSON.parse(
    text.replace(/"\d{4}-\d\d-\d\dT[^"]*"/g, '"<time>"').replace(/"renewedAt":\d+/g, '"renewedAt":0'),
  ) as unknown
}
const other = { ...vend, executionArn: `${vend.executionArn}-other` }
/** Whether a function of the ledger returned an answer or nothing, or the name of the error that it threw. */
const settled = async (work: Promise<unknown>) => {
  try {
    return (await work) === undefined ? 'nothing' : 'an answer'
  } catch (error) {
    return { refused: (error as Error).name }
  }
}

const dynamodb: Record<string, Record<string, Run>> = {
  GetItem: {
    'of an item that does not exist': read,
    'of a table that is not there': ({ dynamodb }) =>
      dynamodb(new DynamoDB.GetItemCommand({ TableName: 'nowhere', Key: { pk: { S: 'a' } } })),
    'by a key that the table does not have': ({ dynamodb }) =>
      dynamodb(new DynamoDB.GetItemCommand({ TableName: 'ledger', Key: { id: { S: 'a' } } })),
  },
  PutItem: {
    'of a note, once': async ({ ledger: table, name }) => ({
      first: await notes.noteOnce(table, name, { messageId: 'one' }),
      again: (await notes.noteOnce(table, name, { messageId: 'two' }))?.['messageId'],
    }),
    'under a condition that does not hold': async ({ dynamodb, name }) => {
      const put = new DynamoDB.PutItemCommand({
        TableName: 'ledger',
        Item: { pk: { S: name } },
        ConditionExpression: 'attribute_not_exists(pk)',
      })
      return { first: await dynamodb(put), again: await dynamodb(put) }
    },
  },
  UpdateItem: {
    'that takes a lease': async (aws) => {
      const taken = await takeLease(aws)
      return { taken, record: await read(aws) }
    },
    'that another holds': async (aws) => {
      await takeLease(aws)
      return takeLease(aws, other)
    },
    'that takes over what was seen': async (aws) => {
      await takeLease(aws)
      const seen = await ledger.readAccount(aws.ledger, aws.name)
      const taken = await takeLease(aws, other, seen)
      return { taken, record: await read(aws), again: await takeLease(aws, vend, seen) }
    },
    'that begins steps': async (aws) => {
      await takeLease(aws)
      const step = { accountId: aws.name, state: 'StorePassword', userName: 'Ada', storesPassword: true }
      await ledger.beginStep(aws.ledger, { ...step, vend })
      return { record: await read(aws), other: await settled(ledger.beginStep(aws.ledger, { ...step, vend: other })) }
    },
    'that records kept, mail and renewal': async (aws) => {
      await takeLease(aws)
      const accountId = aws.name
      await ledger.recordKept(aws.ledger, { accountId, vend, kept: ['Bob'], signingIn: [] })
      const mailed = {
        accountId,
        vendId: vend.id,
        userName: 'Ada',
        email: 'ada@example.com',
        secretVersion: first,
        messageId: 'one',
      }
      await ledger.recordMail(aws.ledger, mailed)
      await recordRenewal(aws.ledger, { accountId, vend, userName: 'Ada' })
      return read(aws)
    },
    'that records a vend, twice': async (aws) => {
      await takeLease(aws)
      const vended = {
        accountId: aws.name,
        vend,
        groups: [group] as never,
        admins: [{ ...admin, kept: false }] as never,
      }
      await ledger.recordVend(aws.ledger, vended)
      return { again: await settled(ledger.recordVend(aws.ledger, vended)), record: await read(aws) }
    },
    'that records a failure': async (aws) => {
      await takeLease(aws)
      const failure = { status: 'FAILED' as const, accountId: aws.name, error: 'OurError', cause: 'because' }
      await ledger.recordFailure(aws.ledger, { ...failure, executionArn: vend.executionArn })
      await ledger.recordFailure(aws.ledger, { ...failure, executionArn: other.executionArn, cause: 'another' })
      return read(aws)
    },
    'of a mail where no account is': (aws) =>
      settled(
        ledger.recordMail(aws.ledger, {
          accountId: aws.name,
          vendId: vend.id,
          userName: 'Ada',
          email: 'a',
          secretVersion: first,
          messageId: 'one',
        }),
      ),
    'below an attribute that is not there': ({ dynamodb, name }) =>
      dynamodb(
        new DynamoDB.UpdateItemCommand({
          TableName: 'ledger',
          Key: { pk: { S: name } },
          UpdateExpression: 'SET a.b = :c',
          ExpressionAttributeValues: { ':c': { S: 'd' } },
        }),
      ),
  },
  Query: {
    'of the index by status': async ({ dynamodb, name }) => {
      const query = (more: Partial<DynamoDB.QueryCommandInput> = {}) =>
        dynamodb(
          new DynamoDB.QueryCommand({
            TableName: 'ledger',
            IndexName: 'byStatus',
            KeyConditionExpression: '#status = :status',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: { ':status': { S: `VENDED ${name}` } },
            ...more,
          }),
        )
      for (const [pk, accountName, attribute] of [
        ['1', 'Beta', 'vendedAt'],
        ['2', 'Alpha', 'lease'],
        ['3', undefined, 'updatedAt'],
      ] as const)
        await dynamodb(
          new DynamoDB.PutItemCommand({
            TableName: 'ledger',
            Item: {
              pk: { S: `${name}-${pk}` },
              status: { S: `VENDED ${name}` },
              ...(accountName && { accountName: { S: accountName } }),
              [attribute]: { S: 'x' },
            },
          }),
        )
      const first = await query({ Limit: 1 })
      return { first, next: await query({ ExclusiveStartKey: first.LastEvaluatedKey }) }
    },
    'of an index that is not there': ({ dynamodb }) =>
      dynamodb(
        new DynamoDB.QueryCommand({
          TableName: 'ledger',
          IndexName: 'byName',
          KeyConditionExpression: 'accountName = :a',
          ExpressionAttributeValues: { ':a': { S: 'a' } },
        }),
      ),
  },
  CreateTable: {
    twice: ({ dynamodb }) =>
      dynamodb(
        new DynamoDB.CreateTableCommand({
          TableName: 'ledger',
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        }),
      ),
  },
  DescribeTable: {
    'of the ledger': async ({ dynamodb }) => {
      const { Table, ...rest } = await dynamodb(new DynamoDB.DescribeTableCommand({ TableName: 'ledger' }))
      const { TableName, TableStatus, KeySchema, CreationDateTime } = Table ?? {}
      return { ...rest, TableName, TableStatus, KeySchema, CreationDateTime }
    },
    'of a table that does not exist': ({ dynamodb }) =>
      dynamodb(new DynamoDB.DescribeTableCommand({ TableName: 'nowhere' })),
  },
}

type Queue = Parameters<Run>[0]
const sendMessage = ({ sqs, queueUrl }: Queue, MessageBody: string, more: Partial<SQS.SendMessageRequest> = {}) =>
  sqs(new SQS.SendMessageCommand({ QueueUrl: queueUrl, MessageBody, ...more }))
const receive = ({ sqs, queueUrl }: Queue, more: Partial<SQS.ReceiveMessageRequest> = {}) =>
  sqs(new SQS.ReceiveMessageCommand({ QueueUrl: queueUrl, MaxNumberOfMessages: 10, ...more }))
const deleteMessage = ({ sqs, queueUrl }: Queue, ReceiptHandle: string | undefined) =>
  sqs(new SQS.DeleteMessageCommand({ QueueUrl: queueUrl, ReceiptHandle }))
/** Receives messages and deletes them, so that the next case finds none. Returns their bodies and attributes. */
const take = async (aws: Queue, more: Partial<SQS.ReceiveMessageRequest> = {}) => {
  const { Messages = [], ...rest } = await receive(aws, more)
  for (const { ReceiptHandle } of Messages) await deleteMessage(aws, ReceiptHandle)
  return {
    ...rest,
    messages: Messages.map(({ Body, MD5OfBody, MessageAttributes }) => ({ Body, MD5OfBody, MessageAttributes })),
  }
}

const sqs: Record<string, Record<string, Run>> = {
  SendMessage: {
    'of a body': async (aws) => {
      const { MessageId, MD5OfMessageBody } = await sendMessage(aws, '{}')
      await take(aws)
      return { hasId: typeof MessageId === 'string', MD5OfMessageBody }
    },
    'without a body': async (aws) => {
      const answer = await sendMessage(aws, '')
      await take(aws)
      return whetherRefused(answer)
    },
    'to a queue that is not there': (aws) => sendMessage(aws, '{}', { QueueUrl: `${aws.queueUrl}-of-nobody` }),
  },
  ReceiveMessage: {
    none: (aws) => take(aws),
    'with attributes': async (aws) => {
      const MessageAttributes = { TARGET_ARN: { DataType: 'String', StringValue: 'arn' } }
      await sendMessage(aws, '{"a":1}', { MessageAttributes })
      return take(aws, { MessageAttributeNames: ['All'] })
    },
    'without attributes': async (aws) => {
      await sendMessage(aws, '{}', { MessageAttributes: { KEY: { DataType: 'String', StringValue: 'x' } } })
      return take(aws)
    },
    'that was received a moment ago': async (aws) => {
      await sendMessage(aws, '{}')
      const { Messages = [] } = await receive(aws)
      const again = await receive(aws)
      await deleteMessage(aws, Messages[0]?.ReceiptHandle)
      return again
    },
    'again, if it is not hidden': async (aws) => {
      await sendMessage(aws, '{}')
      await receive(aws, { VisibilityTimeout: 0 })
      return take(aws)
    },
    eleven: (aws) => receive(aws, { MaxNumberOfMessages: 11 }),
    'of a queue that is not there': (aws) => receive(aws, { QueueUrl: `${aws.queueUrl}-of-nobody` }),
  },
  DeleteMessage: {
    'that was received': async (aws) => {
      await sendMessage(aws, '{}')
      const { Messages = [] } = await receive(aws, { VisibilityTimeout: 0 })
      await deleteMessage(aws, Messages[0]?.ReceiptHandle)
      return take(aws)
    },
    twice: async (aws) => {
      await sendMessage(aws, '{}')
      const { Messages = [] } = await receive(aws)
      await deleteMessage(aws, Messages[0]?.ReceiptHandle)
      return whetherRefused(await deleteMessage(aws, Messages[0]?.ReceiptHandle))
    },
  },
}

/** What each case does on both sides, by service and operation. */
export const scenarios: Record<string, Record<string, Record<string, Run>>> = {
  iam: { ...iam, ...removing },
  sts,
  organizations: { ...organizations, ...placing },
  account,
  secretsmanager,
  ses,
  events,
  states,
  cloudtrail,
  cloudformation,
  lambda,
  sqs,
  sns,
  dynamodb: { ...dynamodb, DeleteItem: deletingItems },
}
