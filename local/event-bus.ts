import { randomUUID } from 'node:crypto'
import { rulesFor } from './aws/eventbridge.ts'
import type { Execution } from './aws/step-functions-execution.ts'
import type { Deployed } from './deployed.ts'

type Targets = {
  startExecution: (name: string, input: string) => Execution | 'ExecutionAlreadyExists'
  /** Invokes the function with this id of a rule's target. */
  invoke: (target: string, event: unknown) => unknown
}

/** Creates the default event bus with the deployed rules. Returns its events so far, and `putEvent`. */
export const createEventBus = ({ rules }: Deployed, { startExecution, invoke }: Targets) => {
  const events: unknown[] = []
  return {
    events,
    /** Sends an event to the targets of the matching rules. Returns the executions that it started. */
    putEvent: (event: unknown): { matched: boolean; executions: Execution[] } => {
      events.push(event)
      const matching = rulesFor(rules, event)
      const executions = matching.flatMap(({ target }) => {
        // Only the schedule starts a round.
        if (target !== 'VendAccount') {
          void invoke(target, event)
          return []
        }
        // EventBridge chooses the name of the execution: 73 characters.
        const execution = startExecution(`${randomUUID()}_${randomUUID()}`, JSON.stringify(event))
        return execution === 'ExecutionAlreadyExists' ? [] : [execution]
      })
      return { matched: matching.length > 0, executions }
    },
  }
}
