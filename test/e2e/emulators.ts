import path from 'node:path'
import { startMoto } from '../conformance/moto.ts'
import { pythonProgram, startServer } from '../support/python.ts'

export const ministack = pythonProgram(
  'ministack',
  path.join(import.meta.dirname, 'requirements.txt'),
  process.env['E2E_FOLDER'] ?? path.join(import.meta.dirname, '../../.e2e'),
)
/** moto's default, and the account that MiniStack is told to be. */
export const managementAccountId = '123456789012'
export const region = 'us-east-1'

const script = path.join(import.meta.dirname, 'start_ministack.py')
const nodeFolder = path.join(import.meta.dirname, '../../node_modules/.bin')

/** MiniStack, which checks signatures and policies; `asItIs` without the work-arounds for its deviations. */
export const startMiniStack = (env: NodeJS.ProcessEnv = {}, { asItIs = false } = {}) =>
  startServer(ministack, asItIs ? [script, '--as-it-is'] : [script], {
    PYTHONDONTWRITEBYTECODE: '1',
    HOME: process.env['HOME'],
    // Its functions run with the node found here: the project's.
    PATH: `${nodeFolder}:${process.env['PATH']}`,
    AUTH: 'true',
    LAMBDA_EXECUTOR: 'local',
    MINISTACK_ACCOUNT_ID: managementAccountId,
    // Listeners that nobody asks for.
    IOT_MTLS_ENABLED: '0',
    SFTP_ENABLED: '0',
    ...env,
  })

/**
 * Starts an AWS on this machine: MiniStack, and moto for Organizations. Gives the variables with which every SDK, the
 * `aws` command and osls find it, as the management account's root user.
 */
export const startAws = async () => {
  const moto = await startMoto()
  const organizations = { AWS_ENDPOINT_URL_ORGANIZATIONS: moto.url }
  // Its IAM is not asked for anything.
  moto.loadNoMorePolicies()
  const ministack = await startMiniStack(organizations).catch(async (error: unknown) => {
    await moto.stop()
    throw error
  })
  return {
    env: {
      ...organizations,
      AWS_ENDPOINT_URL: ministack.url,
      // MiniStack takes an account's id as the key of its root user.
      AWS_ACCESS_KEY_ID: managementAccountId,
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: region,
    },
    stop: () => Promise.all([moto.stop(), ministack.stop()]),
  }
}
