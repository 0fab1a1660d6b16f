import type { Server } from 'node:http'
import { createRequire } from 'node:module'
import { close, listen } from '../http.ts'

// dynalite is CommonJS, and is loaded only where DynamoDB is needed.
const require = createRequire(import.meta.url)

/** Starts DynamoDB in memory, which is the package dynalite. Returns its URL and `close`. */
export const startDynamoDB = async () => {
  const dynalite = require('dynalite') as (options: object) => Server
  const server = dynalite({ createTableMs: 0 })
  return { url: await listen(server), close: () => close(server) }
}
