import { type IAMClient, paginateGetGroup } from '@aws-sdk/client-iam'
import { isNamed } from './aws-errors.ts'

/** Answers undefined if IAM does not find what was asked for. */
export const ifFound = async <T>(answer: Promise<T>): Promise<T | undefined> => {
  try {
    return await answer
  } catch (error) {
    if (isNamed(error, 'NoSuchEntityException')) return undefined
    throw error
  }
}

/** All items of the pages of a list. */
export const collect = async <Page, Item>(pages: AsyncIterable<Page>, items: (page: Page) => Item[] | undefined) => {
  const all: Item[] = []
  for await (const page of pages) all.push(...(items(page) ?? []))
  return all
}

/** The names of a group's members. */
export const membersOf = async (iam: IAMClient, GroupName: string) =>
  (await collect(paginateGetGroup({ client: iam }, { GroupName }), ({ Users }) => Users)).map(
    ({ UserName = '' }) => UserName,
  )
