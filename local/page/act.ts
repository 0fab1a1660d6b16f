import type { Action } from '../page-actions.ts'

/** Performs an action. If the action succeeds and has no result of its own, the page shows `done`. */
export type Act = (action: Action, done: string) => Promise<void>
