import path from 'node:path'
import { pythonProgram, startServer } from '../support/python.ts'

export const moto = pythonProgram(
  'moto',
  path.join(import.meta.dirname, 'requirements.txt'),
  process.env['CONFORMANCE_FOLDER'] ?? path.join(import.meta.dirname, '../../.conformance'),
)

// Runs moto's server on a free port. After a line on its standard input, moto stops loading AWS's managed policies into
// new accounts. When its standard input closes, moto ends.
const server = `
import os, sys, threading
from moto.core.config import default_user_config
from moto.server import main
settings = default_user_config["iam"]
settings["load_aws_managed_policies"] = True
def follow():
    for line in sys.stdin:
        settings["load_aws_managed_policies"] = False
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
main(["-H", "127.0.0.1", "-p", "0"])
`

/** Starts moto on 127.0.0.1 with this process's environment. */
export const startMoto = async () => {
  // With this variable, moto would run every call in one account.
  const { MOTO_ACCOUNT_ID: _, ...env } = process.env
  const { url, tell, stop } = await startServer(moto, ['-c', server], env)
  return {
    url,
    /** Leaves AWS's managed policies out of new accounts: loading them takes a second for each account. */
    loadNoMorePolicies: () => tell(''),
    stop,
  }
}
export type Moto = Awaited<ReturnType<typeof startMoto>>
