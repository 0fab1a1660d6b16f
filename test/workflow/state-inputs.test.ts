import { readFileSync } from 'node:fs'
import path from 'node:path'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { expect, test } from 'vitest'
import { addAccount } from '../../local/aws/world.ts'
import { readDefinition } from '../../local/deployed.ts'
import { clientConfig } from '../../local/start-organization.ts'
import { anOrganization } from '../support/organization.ts'

// An execution may wait for days, and the functions may be deployed anew in the meantime. So today's functions must run
// on the state inputs that the functions of version 0.2.0 made (recorded by test/support/record-state-inputs.ts).

type Recorded = {
  door: string
  account: { id: string; name: string; email: string }
  invocations: { function: string; input: Record<string, unknown> }[]
}
const recorded = JSON.parse(
  readFileSync(path.join(import.meta.dirname, '..', 'samples', 'state-inputs-0.2.0.json'), 'utf8'),
) as Recorded[]

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
/** The functions of the definition's tasks. */
const inTasks = [...JSON.stringify(readDefinition()).matchAll(/"Resource":"!ref (\w+)\.Arn"/g)].map(([, name]) => name)
/** Functions of tasks that the definition of version 0.2.0 did not have. */
const sinceThen = ['openAccount', 'awaitAccount', 'placeAccount', 'sealPassword', 'removeAdministrators']

test('an execution of each door is recorded, with all its functions', () => {
  expect(recorded.map(({ door }) => door)).toEqual(['event', 'manual', 'api'])
  for (const { invocations } of recorded)
    expect(new Set([...invocations.map((each) => camelCase(each.function)), ...sinceThen])).toEqual(new Set(inTasks))
})

test.each(recorded)(
  'today’s functions run on the state inputs of an execution by $door of version 0.2.0',
  async ({ account: { id, name, email }, invocations }) => {
    const organization = await anOrganization()
    try {
      const { world, deployed } = organization
      const account = addAccount(world, { id, name, email })
      const lambda = new LambdaClient(clientConfig(organization, world.managementAccountId))
      for (const { function: step, input } of invocations) {
        const { FunctionError, Payload } = await lambda.send(
          new InvokeCommand({ FunctionName: deployed.lambdaArn(camelCase(step)), Payload: JSON.stringify(input) }),
        )
        const output = JSON.parse(Buffer.from(Payload ?? []).toString()) as unknown
        expect({ step, FunctionError, ...(FunctionError && { output }) }).toEqual({ step, FunctionError: undefined })
        const secretArn = (output as { secretArn?: string }).secretArn
        // Secrets Manager ends a secret's ARN with random characters. The later inputs have the recorded characters.
        if (step === 'store-password' && secretArn) renameSecret(secretArn, invocations)
      }
      function renameSecret(arn: string, later: Recorded['invocations']) {
        const [start = ''] = arn.split(/-\w{6}$/)
        const [recordedArn = ''] = new RegExp(`${start}-\\w{6}`).exec(JSON.stringify(later)) ?? []
        const secret = [...world.secrets.values()].find((each) => each.arn === arn)
        if (secret) secret.arn = recordedArn
      }

      const users = invocations.filter((each) => each.function === 'create-admin-user').length
      expect(account.users.size).toBe(users)
      for (const user of account.users.values()) expect(user.login).toMatchObject({ resetRequired: true })
      const mails = (await organization.mails()).filter((mail) => mail.function === 'send-login-email')
      expect(mails).toHaveLength(users)
      expect(
        (await organization.requestApi({ method: 'GET', path: `/accounts/${id}`, headers: {}, body: '' })).body,
      ).toContain('"status":"VENDED"')
    } finally {
      await organization.close()
    }
  },
)
