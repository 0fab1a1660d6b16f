import type { Session, World } from './world.ts'

/** Who makes a call: the account of the credentials, and the function or the session if the call comes from one. */
export type Caller = { accountId: string; function: string | null; accessKeyId: string; session?: Session }

/**
 * An operation of a service: gets the input of a call, and returns its output or throws an `AwsError`.
 * A Date in the output is written as the service's wire format requires.
 */
export type Operation<Input = never> = (world: World, input: Input, caller: Caller) => unknown
export type Operations = Record<string, Operation>
