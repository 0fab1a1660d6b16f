import type { Action } from '../page-actions.ts'

/** Where the answer to an action stands: beside the button that was pressed. */
export type Place = 'time' | 'event' | 'own event' | 'manual' | 'api' | 'break' | 'execution'

/** What an action led to. `kind` decides the text's colour; `waiting` is for what cannot help yet. */
export type Answer = { kind: 'well' | 'waiting' | 'wrong'; text: string }

export type Message = Answer & {
  place: Place
  /** Whether the action started an execution, which stands farther down on the page. */
  isStarted?: boolean
}

/** Performs an action. If the action succeeds and has no result of its own, the page says `done`. */
export type Act = (place: Place, action: Action, done: Answer | string) => Promise<void>

/** The answer to the button that was pressed last, if that button is at this place. */
export const Said = ({ at, message }: { at: Place; message: Message | undefined }) => {
  const here = message?.place === at ? message : undefined
  // A screen reader announces the text because this element is there before the text.
  return (
    <div role="status" class={here?.kind}>
      {here?.text}
      {here?.isStarted && (
        <>
          {' '}
          <a href="#executions">Show the execution</a>
        </>
      )}
    </div>
  )
}
