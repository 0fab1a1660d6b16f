import { Sha256 } from '@aws-crypto/sha256-js'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { SignatureV4 } from '@smithy/signature-v4'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addAccount } from '../../local/aws/world.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { anOrganization, type TestOrganization } from '../support/organization.ts'

// Follows docs/api.md in the local organization: outputs of the stack, AssumeRole, a signed request.

let organization: TestOrganization
beforeAll(async () => void (organization = await anOrganization()))
afterAll(() => organization.close())

const outputs = async () => {
  const cloudFormation = new CloudFormationClient(clientConfig(organization, '111122223333'))
  const { Stacks } = await cloudFormation.send(new DescribeStacksCommand({ StackName: 'account-vending-local' }))
  return Object.fromEntries(
    Stacks?.[0]?.Outputs?.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]) ?? [],
  )
}
const assume = async (RoleArn = '', accountId = '111122223333') => {
  const sts = new STSClient(clientConfig(organization, accountId))
  const { Credentials } = await sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'me' }))
  return Credentials
}

test('the stack has the API and its roles; a session of a role may call what the role’s policy allows', async () => {
  const { HttpApiUrl = '', OperatorRoleArn, RequesterRoleArn } = await outputs()
  const { id } = addAccount(organization.world, { id: '480000000001' })
  const post = async (roleArn: string | undefined) => {
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = (await assume(roleArn)) ?? {}
    const url = new URL(`/accounts/${id}/admins`, HttpApiUrl)
    const body = JSON.stringify({ admins: [{ userName: 'ada', email: 'ada@example.com' }] })
    const signer = new SignatureV4({
      credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken },
      region: 'us-east-1',
      service: 'execute-api',
      sha256: Sha256,
    })
    const { headers } = await signer.sign({
      method: 'POST',
      protocol: 'http:',
      hostname: url.hostname,
      path: url.pathname,
      headers: { host: url.host },
      body,
    })
    return fetch(url, { method: 'POST', headers, body })
  }
  expect((await post(RequesterRoleArn)).status).toBe(403)
  const { status } = await post(OperatorRoleArn)
  expect(status).toBe(202)
  await organization.settled()
  expect([...organization.world.accounts.get(id)!.users.keys()]).toEqual(['ada'])
})

test('a member account cannot assume the roles of the API', async () => {
  const { OperatorRoleArn } = await outputs()
  await expect(assume(OperatorRoleArn, '555555555555')).rejects.toMatchObject({ name: 'AccessDenied' })
})
