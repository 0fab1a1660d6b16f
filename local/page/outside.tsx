import { useState } from 'preact/hooks'
import { addressOf } from '../address.ts'
import type { Snapshot } from '../snapshot.ts'
import { Command } from './command.tsx'

/** Commands to copy. Any program on this machine can call the API and the AWS endpoint. */
export const Outside = ({ snapshot }: { snapshot: Snapshot }) => {
  const { apiKey, apiUrl, endpointUrl, endpointPort, managementAccountId, region, stateMachineArn } = snapshot
  const { accounts, allowedRecipient, offered } = snapshot
  const [accountId, setAccountId] = useState('')
  const account =
    accounts.find(({ id }) => id === accountId) ?? accounts.find(({ secrets }) => secrets.length) ?? accounts[0]
  if (!account) return null
  const key = (id: string) => `AWS_ACCESS_KEY_ID=${id} AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=${region}`
  const aws = (id: string, command: string) => `${key(id)} aws --endpoint-url ${endpointUrl} ${command}`
  const curl = `curl --aws-sigv4 aws:amz:${region}:execute-api --user ${apiKey}`
  const secret = account.secrets[0] ?? `account-vending/${account.id}/administrator`
  const lines: [string, string][] = [
    ['List all accounts with their status', `npx vend list --local ${endpointPort}`],
    ['List the account’s users', aws(account.id, 'iam list-users')],
    [
      'Read the first password',
      aws(
        managementAccountId,
        `secretsmanager get-secret-value --query SecretString --output text --secret-id ${secret}`,
      ),
    ],
    [
      'Start an execution',
      aws(
        managementAccountId,
        `stepfunctions start-execution --state-machine-arn ${stateMachineArn} --input '{"accountId":"${account.id}"}'`,
      ),
    ],
    [
      'Create an account',
      aws(
        managementAccountId,
        `organizations create-account --account-name '${offered.name}' --email ${addressOf(allowedRecipient, `outside+${offered.id}`)}`,
      ),
    ],
    [
      'Open an account through the API',
      `${curl} -d '{"name":"${offered.name}","email":"${addressOf(allowedRecipient, `outside+${offered.id}`)}"}' ${apiUrl}/accounts`,
    ],
    [
      'Request another administrator from the API',
      `${curl} -d '{"admins":[{"userName":"outside","email":"${addressOf(allowedRecipient, 'outside')}"}]}' ${apiUrl}/accounts/${account.id}/admins`,
    ],
    ['Get the account’s status', `${curl} ${apiUrl}/accounts/${account.id}`],
  ]
  return (
    <section aria-labelledby="outside-title">
      <h2 id="outside-title">From your terminal</h2>
      <p>
        Any program on this machine can call the API and the AWS endpoint. To act in an account, use its ID as the
        access key ID. <a href={`${apiUrl}/openapi.json`}>openapi.json</a> describes the API in OpenAPI 3.1.
      </p>
      <label class="narrow">
        Account in these commands
        <select value={account.id} onChange={({ currentTarget }) => setAccountId(currentTarget.value)}>
          {accounts.map(({ id, name }) => (
            <option key={id} value={id}>
              {name} {id}
            </option>
          ))}
        </select>
      </label>
      <dl>
        {lines.map(([what, line]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              <Command what={what} line={line} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
