import type { Action, RepeatedRequest } from '../page-actions.ts'

/** Where the answer to an action stands: beside the button that was pressed. */
export type Place =
  | 'open'
  | 'request'
  | 'event'
  | 'own event'
  | 'manual'
  | 'api'
  | 'break'
  | 'break opening'
  | 'execution'
  | 'time'
  | 'days'

/** What an action led to. `kind` decides the text's colour; `waiting` is for what cannot help yet. */
export type Answer = { kind: 'well' | 'waiting' | 'wrong'; text: string }

export type Message = Answer & {
  place: Place
  /** Whether the action is about an execution, which stands farther down on the page. */
  hasExecution?: boolean
}

/** What the API answered. `repeated` is the request that was made before and was only sent again. */
export type Response = { status: number; body: unknown; repeated?: RepeatedRequest }

export const answerOf = ({ status, body }: Response): Answer => ({
  kind: status < 400 ? 'well' : 'wrong',
  text: `HTTP ${status}: ${JSON.stringify(body)}`,
})

/**
 * Performs an action, and answers what the API answered, if the API was asked. If the action succeeds and has no result
 * of its own, the page says `done`. A function says for itself what the API's answer means.
 */
export type Act = (
  place: Place,
  action: Action,
  done: Answer | string | ((response: Response) => Answer),
) => Promise<Response | undefined>

/** The answer to the button that was pressed last, if that button is at this place. */
export const Said = ({ at, message }: { at: Place; message: Message | undefined }) => {
  const here = message?.place === at ? message : undefined
  // A screen reader announces the text because this element is there before the text.
  return (
    <div role="status" class={here?.kind}>
      {here?.text}
      {here?.hasExecution && (
        <>
          {' '}
          <a href="#executions">Show the execution</a>
        </>
      )}
    </div>
  )
}
