import path from 'node:path'
import { startMoto } from '../conformance/moto.ts'
import { pythonProgram, startServer } from '../support/python.ts'

export const ministack = pythonProgram(
  'ministack',
  path.join(import.meta.dirname, 'requirements.txt'),
  process.env['E2E_FOLDER'] ?? path.join(import.meta.dirname, '../../.e2e'),
)
/** moto's default management account. MiniStack uses the same account. */
export const managementAccountId = '123456789012'
export const region = 'us-east-1'

const script = path.join(import.meta.dirname, 'start_ministack.py')
const nodeFolder = path.join(import.meta.dirname, '../../node_modules/.bin')

/** Starts MiniStack, which checks signatures and policies. With `asItIs`, without the work-arounds for deviations. */
export const startMiniStack = (env: NodeJS.ProcessEnv = {}, { asItIs = false } = {}) =>
  startServer(ministack, asItIs ? [script, '--as-it-is'] : [script], {
    PYTHONDONTWRITEBYTECODE: '1',
    HOME: process.env['HOME'],
    // MiniStack runs its functions with the `node` on this PATH: the project's own.
    PATH: `${nodeFolder}:${process.env['PATH']}`,
    AUTH: 'true',
    LAMBDA_EXECUTOR: 'local',
    MINISTACK_ACCOUNT_ID: managementAccountId,
    // Listeners that no test needs.
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
    ...env,
  })

/**
 * Starts an AWS on this machine: MiniStack, and moto for Organizations. Returns the environment variables with which
 * the SDKs, the `aws` command and osls use this AWS as the management account's root user.
 */
export const startAws = async () => {
  const moto = await startMoto()
  const organizations = { AWS_ENDPOINT_URL_ORGANIZATIONS: moto.url, AWS_ENDPOINT_URL_ACCOUNT: moto.url }
  // No test calls moto's IAM, so moto need not load AWS's managed policies.
  moto.loadNoMorePolicies()
  const ministack = await startMiniStack(organizations).catch(async (error: unknown) => {
    await moto.stop()
    throw error
  })
  return {
    env: {
      ...organizations,
      AWS_ENDPOINT_URL: ministack.url,
      // For MiniStack, the account id is the access key id of the account's root user.
      AWS_ACCESS_KEY_ID: managementAccountId,
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: region,
    },
    stop: () => Promise.all([moto.stop(), ministack.stop()]),
  }
}
