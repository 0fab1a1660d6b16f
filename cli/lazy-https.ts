import type { Agent as HttpsAgent, AgentOptions, RequestOptions, request as requestOfHttps } from 'node:https'

// Stands in for the SDK's import of node:https in the command. TLS takes longer to load than a client of the SDK, and
// the local organization is called without TLS.

type Https = { Agent: typeof HttpsAgent; request: typeof requestOfHttps }
declare const require: (name: 'node:https') => Https

class Agent {
  #agent: HttpsAgent | undefined
  readonly #options: AgentOptions
  constructor(options: AgentOptions) {
    this.#options = options
  }
  get real() {
    return (this.#agent ??= new (require('node:https').Agent)(this.#options))
  }
  destroy() {
    this.#agent?.destroy()
  }
}

type Options = Omit<RequestOptions, 'agent'> & { agent: Agent }
const request = ({ agent, ...options }: Options, onResponse: Parameters<Https['request']>[2]) =>
  require('node:https').request({ ...options, agent: agent.real } as never, onResponse as never)

export const node_https = { Agent, request }
