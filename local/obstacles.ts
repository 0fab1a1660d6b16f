import type { Account } from './aws/world.ts'

/** What makes every vend of an account fail until somebody removes it. */
export type Obstacle = 'policy' | 'role' | 'state'

/** The obstacles in an account, each with the reason why a vend fails. */
export const obstaclesOf = ({ deniedActions, roleName, state }: Account) => {
  const obstacles: { is: Obstacle; why: string }[] = []
  if (deniedActions.length) obstacles.push({ is: 'policy', why: `a policy denies ${deniedActions.join(' and ')}` })
  if (roleName === null) obstacles.push({ is: 'role', why: 'the account has no access role' })
  if (state !== 'ACTIVE') obstacles.push({ is: 'state', why: `the account is ${state}` })
  return obstacles
}

/** Removes an obstacle as the account's owner would: lifts the policy, creates the role, or has AWS lift the state. */
export const removeObstacle = (account: Account, obstacle: Obstacle, { accessRole }: { accessRole: string }) => {
  if (obstacle === 'policy') account.deniedActions = []
  if (obstacle === 'role') account.roleName = accessRole
  if (obstacle === 'state') account.state = 'ACTIVE'
}
