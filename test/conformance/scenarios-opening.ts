import * as Account from '@aws-sdk/client-account'
import * as Organizations from '@aws-sdk/client-organizations'
import { PublishCommand, type PublishInput } from '@aws-sdk/client-sns'
import type { Run } from './scenarios.ts'

type Given = Parameters<Run>[0]

const rootOf = async ({ organizations }: Given) => {
  const { Roots } = await organizations(new Organizations.ListRootsCommand({}))
  return Roots?.[0]?.Id ?? ''
}
const nowhere = 'ou-exam-nothing0'
const nobody = '999999999999'

const unitsBelow = (ParentId: string) => new Organizations.ListOrganizationalUnitsForParentCommand({ ParentId })
const describeUnit = (OrganizationalUnitId: string) =>
  new Organizations.DescribeOrganizationalUnitCommand({ OrganizationalUnitId })
const move = (AccountId: string, SourceParentId: string, DestinationParentId: string) =>
  new Organizations.MoveAccountCommand({ AccountId, SourceParentId, DestinationParentId })
const parentOf = async ({ organizations }: Given, ChildId: string) => {
  const { Parents } = await organizations(new Organizations.ListParentsCommand({ ChildId }))
  return Parents?.[0]?.Id
}

/** Moves the member account from the root into the unit, runs the case, and moves the account back. */
const inUnit =
  (run: (aws: Given, rootId: string) => Promise<unknown>): Run =>
  async (aws) => {
    const rootId = await rootOf(aws)
    await aws.organizations(move(aws.accountId, rootId, aws.unitId))
    const answer = await run(aws, rootId)
    if ((await parentOf(aws, aws.accountId)) !== rootId)
      await aws.organizations(move(aws.accountId, aws.unitId, rootId))
    return answer
  }

const tag = (ResourceId: string, Tags: Organizations.Tag[]) =>
  new Organizations.TagResourceCommand({ ResourceId, Tags })
const untag = (ResourceId: string, TagKeys: string[]) => new Organizations.UntagResourceCommand({ ResourceId, TagKeys })
const tagsOf = async (
  { organizations }: Given,
  ResourceId: string,
): Promise<{ tags?: Organizations.Tag[]; refused?: string }> => {
  const tags: Organizations.Tag[] = []
  let NextToken: string | undefined
  do {
    const { Tags = [], ...rest } = await organizations(
      new Organizations.ListTagsForResourceCommand({ ResourceId, NextToken }),
    )
    if (rest.refused) return rest
    tags.push(...Tags)
    NextToken = rest.NextToken
  } while (NextToken)
  return { tags: tags.toSorted((a, b) => (String(a.Key) < String(b.Key) ? -1 : 1)) }
}
/** Runs a case on the tags of the account in the unit, which has none before and after the case. */
const tagging =
  (run: Run): Run =>
  async (aws) => {
    const answer = await run(aws)
    const { tags = [] } = await tagsOf(aws, aws.accountInUnit)
    if (tags.length)
      await aws.organizations(
        untag(
          aws.accountInUnit,
          tags.map(({ Key }) => Key ?? ''),
        ),
      )
    return answer
  }
const many = (count: number) => Array.from({ length: count }, (_, i) => ({ Key: `key${i}`, Value: `${i}` }))

const policiesFor = (TargetId: string) =>
  new Organizations.ListPoliciesForTargetCommand({ TargetId, Filter: 'SERVICE_CONTROL_POLICY' })

/** The operations of Organizations that place an account. */
export const placing: Record<string, Record<string, Run>> = {
  ListRoots: {
    'of the organization': async ({ organizations }) => {
      const { Roots, ...rest } = await organizations(new Organizations.ListRootsCommand({}))
      return { ...rest, roots: Roots }
    },
    'by a member account': ({ ofMember }) => ofMember.organizations(new Organizations.ListRootsCommand({})),
  },
  ListOrganizationalUnitsForParent: {
    'of the root': async (aws) => {
      const { OrganizationalUnits } = await aws.organizations(unitsBelow(await rootOf(aws)))
      return OrganizationalUnits?.filter(({ Name }) => Name === 'Security')
    },
    'of a unit without units': ({ organizations, unitId }) => organizations(unitsBelow(unitId)),
    'of a parent that is not there': ({ organizations }) => organizations(unitsBelow(nowhere)),
    'with a value that is not an id': ({ organizations }) => organizations(unitsBelow('Security')),
  },
  DescribeOrganizationalUnit: {
    'of a unit that exists': ({ organizations, unitId }) => organizations(describeUnit(unitId)),
    'of a unit that does not exist': ({ organizations }) => organizations(describeUnit(nowhere)),
    'with a value that is not an id': ({ organizations }) => organizations(describeUnit('Security')),
  },
  MoveAccount: {
    'into a unit': inUnit(async (aws) => ({ parent: await parentOf(aws, aws.accountId) })),
    'to the parent where the account is': inUnit(({ organizations, accountId, unitId }) =>
      organizations(move(accountId, unitId, unitId)),
    ),
    'again, from the earlier parent': inUnit(({ organizations, accountId, unitId }, rootId) =>
      organizations(move(accountId, rootId, unitId)),
    ),
    'from a parent where the account is not': async (aws) => {
      const rootId = await rootOf(aws)
      const answer = await aws.organizations(move(aws.accountInUnit, rootId, rootId))
      if ((await parentOf(aws, aws.accountInUnit)) === rootId)
        await aws.organizations(move(aws.accountInUnit, rootId, aws.unitId))
      return answer
    },
    'of an account that does not exist': async (aws) => aws.organizations(move(nobody, await rootOf(aws), aws.unitId)),
    'from a parent that is not there': async (aws) => {
      const answer = await aws.organizations(move(aws.accountInUnit, nowhere, await rootOf(aws)))
      if ((await parentOf(aws, aws.accountInUnit)) !== aws.unitId)
        await aws.organizations(move(aws.accountInUnit, await rootOf(aws), aws.unitId))
      return answer
    },
    'into a parent that is not there': async (aws) =>
      aws.organizations(move(aws.accountId, await rootOf(aws), nowhere)),
    'into a parent that is not an id': async (aws) =>
      aws.organizations(move(aws.accountId, await rootOf(aws), 'Security')),
  },
  TagResource: {
    'anew and over': tagging(async (aws) => {
      await aws.organizations(tag(aws.accountInUnit, many(2)))
      const tagged = await aws.organizations(
        tag(aws.accountInUnit, [
          { Key: 'key1', Value: 'new' },
          { Key: 'more', Value: '' },
        ]),
      )
      return { tagged, ...(await tagsOf(aws, aws.accountInUnit)) }
    }),
    'with a comma': tagging(({ organizations, accountInUnit }) =>
      organizations(tag(accountInUnit, [{ Key: 'a', Value: 'b,c' }])),
    ),
    'with a 51st tag': tagging(async ({ organizations, accountInUnit }) => {
      await organizations(tag(accountInUnit, many(50)))
      return organizations(tag(accountInUnit, [{ Key: 'more', Value: '' }]))
    }),
    'of an account that does not exist': ({ organizations }) => organizations(tag(nobody, many(1))),
  },
  UntagResource: {
    'of a key that is there and one that is not': tagging(async (aws) => {
      await aws.organizations(tag(aws.accountInUnit, many(2)))
      const untagged = await aws.organizations(untag(aws.accountInUnit, ['key0', 'other']))
      return { untagged, ...(await tagsOf(aws, aws.accountInUnit)) }
    }),
    'of an account that does not exist': ({ organizations }) => organizations(untag(nobody, ['key0'])),
  },
  ListTagsForResource: {
    none: (aws) => tagsOf(aws, aws.accountInUnit),
    'that were given at the creation': async (aws) => {
      const { CreateAccountStatus } = await aws.organizations(
        new Organizations.CreateAccountCommand({
          AccountName: aws.name,
          Email: `${aws.name}@example.com`,
          Tags: many(2),
        }),
      )
      aws.later(60)
      const { CreateAccountStatus: ended } = await aws.organizations(
        new Organizations.DescribeCreateAccountStatusCommand({ CreateAccountRequestId: CreateAccountStatus?.Id }),
      )
      return tagsOf(aws, ended?.AccountId ?? '')
    },
    'of an account that does not exist': (aws) => tagsOf(aws, nobody),
    'with a value that is not an id': (aws) => tagsOf(aws, 'nonsense'),
  },
  ListPoliciesForTarget: {
    'of a unit': async ({ organizations, unitId }) => {
      const { Policies, ...rest } = await organizations(policiesFor(unitId))
      return { ...rest, names: Policies?.map(({ Name }) => Name).toSorted() }
    },
    'of an account below': async ({ organizations, accountInUnit }) => {
      const { Policies } = await organizations(policiesFor(accountInUnit))
      return { names: Policies?.map(({ Name }) => Name) }
    },
    'of an account that does not exist': ({ organizations }) => organizations(policiesFor(nobody)),
    'with a value that is not an id': ({ organizations }) => organizations(policiesFor('nonsense')),
  },
}

const contact = {
  AlternateContactType: 'BILLING' as const,
  Name: 'Ada Lovelace',
  Title: 'Accountant',
  EmailAddress: 'ada@example.com',
  PhoneNumber: '+49 (30) 1234-5',
}
const put = ({ account, accountId }: Given, more: Partial<Account.PutAlternateContactRequest> = {}) =>
  account(new Account.PutAlternateContactCommand({ ...contact, AccountId: accountId, ...more }))
const get = ({ account, accountId }: Given, more: Partial<Account.GetAlternateContactRequest> = {}) =>
  account(new Account.GetAlternateContactCommand({ AlternateContactType: 'BILLING', AccountId: accountId, ...more }))

export const account: Record<string, Record<string, Run>> = {
  PutAlternateContact: {
    'and over': async (aws) => {
      const first = await put(aws)
      const over = await put(aws, { Name: 'Grace Hopper' })
      return { first, over, contact: await get(aws) }
    },
    'of the management account, by its own id': (aws) => put(aws, { AccountId: aws.managementAccountId }),
    'of an account that does not exist': (aws) => put(aws, { AccountId: nobody }),
    'without a title': (aws) => put(aws, { Title: '' }),
    'with a name of 65 characters': (aws) => put(aws, { Name: 'x'.repeat(65) }),
    'with a letter in the phone number': (aws) => put(aws, { PhoneNumber: '1 ext. 2' }),
    'with an address without @': (aws) => put(aws, { EmailAddress: 'ada' }),
    'of an unknown type': (aws) => put(aws, { AlternateContactType: 'LEGAL' as 'BILLING' }),
    'by a member account that names another': (aws) =>
      put({ ...aws, account: aws.ofMember.account }, { AccountId: aws.accountInUnit }),
  },
  GetAlternateContact: {
    'of a contact that is not set': (aws) => get(aws, { AlternateContactType: 'OPERATIONS' }),
    'of the own account': async (aws) => {
      await put(aws)
      return get({ ...aws, account: aws.ofMember.account }, { AccountId: undefined })
    },
  },
}

const publish = async ({ sns, topicArn }: Given, more: Partial<PublishInput> = {}) => {
  const { MessageId, ...rest } = await sns(new PublishCommand({ TopicArn: topicArn, Message: '{}', ...more }))
  return rest.refused ? rest : { ...rest, hasId: typeof MessageId === 'string' }
}

export const sns: Record<string, Record<string, Run>> = {
  Publish: {
    'with a subject and an attribute': (aws) =>
      publish(aws, {
        Subject: 'An account is ready',
        MessageAttributes: { status: { DataType: 'String', StringValue: 'READY' } },
      }),
    'to a topic that is not there': (aws) => publish(aws, { TopicArn: `${aws.topicArn}-of-nobody` }),
    'without a message': (aws) => publish(aws, { Message: '' }),
    'with a subject of 100 characters': (aws) => publish(aws, { Subject: 'x'.repeat(100) }),
    'with an empty attribute': (aws) =>
      publish(aws, { MessageAttributes: { status: { DataType: 'String', StringValue: '' } } }),
  },
}
