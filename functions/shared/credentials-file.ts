import { csvText } from './csv-text.ts'

export type Credential = { userName: string; password: string; signInUrl: string }

/**
 * The text of the credentials file that the IAM console makes: a line for each user. A password never begins like a
 * formula, so no apostrophe precedes a password.
 */
export const credentialsFile = (users: Credential[]) =>
  csvText([
    ['User name', 'Password', 'Console sign-in URL'],
    ...users.map(({ userName, password, signInUrl }) => [userName, password, signInUrl]),
  ])
