// A spreadsheet calculates a cell that begins like this, and IAM allows a user name like =1+1. The apostrophe makes the
// cell a text. A password never begins in this way.
const formula = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/

/** A cell as RFC 4180 has it. */
const cell = (text: string) => {
  const safe = formula.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export type Credential = { userName: string; password: string; signInUrl: string }

/** The text of the credentials file that the IAM console makes: a line for each user, and CRLF after each line. */
export const credentialsFile = (users: Credential[]) =>
  [
    ['User name', 'Password', 'Console sign-in URL'],
    ...users.map(({ userName, password, signInUrl }) => [userName, password, signInUrl]),
  ]
    .map((row) => `${row.map(cell).join(',')}\r\n`)
    .join('')
