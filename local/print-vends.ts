import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Progress } from './aws/step-functions-execution.ts'
import { endOf, type VendReport } from './report-vend.ts'
import { wayOf } from './page/words.ts'
import type { Input } from './input.ts'
import type { LocalOrganization } from './start-organization.ts'

export type Say = (text: string) => void

/** One line of progress. The page can start several executions at once, so the line can name the account. */
export const progressLine = ({ state, index, what, error }: Progress, account = '') => {
  const name = (account && styleText('dim', `${account} `)) + (index === undefined ? state : `  ${state} [${index}]`)
  if (what === 'entered') return `  ${styleText('cyan', '▸')} ${name}`
  if (what === 'succeeded') return `  ${styleText('green', '✔')} ${name}`
  if (what === 'failed') return `  ${styleText('red', '✘')} ${name}  ${styleText('dim', error ?? '')}`
  return `  ${styleText('yellow', '↻')} ${name}  ${styleText('dim', 'retries')}`
}

/** Says how the next vend is started, and what happens then. */
export const announce = (door: Input['door'], what: string) => {
  const way = wayOf(door)
  return `\n${styleText('bold', `${way.charAt(0).toUpperCase()}${way.slice(1)}:`)} ${what}`
}

const row = (vend: VendReport) => {
  const { door, accountId, opened, groups, users, secrets, mails } = vend
  return [
    [accountId ?? opened ?? '–', wayOf(door), endOf(vend)].join('\n').trim(),
    groups.map(({ name }) => name).join('\n'),
    users.map(({ name, kept }) => (kept ? `${name} (kept)` : name)).join('\n'),
    secrets.map(({ name }) => name.replaceAll('/', '/\n')).join('\n'),
    mails.map(({ to, subject }) => `${to.join(', ')}:\n${subject.replace(/ \(\d{12}\)/, '')}`).join('\n'),
  ]
}

/** Account, groups, users, name of the secret, and mails of each vend. */
const table = (vends: VendReport[], managementAccountId: string) => {
  const rows = new Table({
    head: ['Account', 'Groups', 'Users', 'Password', 'Mail'].map((title) => styleText('bold', title)),
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [16, 16, 17, 18, 24],
  })
  rows.push(...vends.map(row))
  if (!vends.some(({ secrets }) => secrets.length)) return rows.toString()
  return `${rows.toString()}\nThe passwords are in Secrets Manager of the management account, ${managementAccountId}.`
}

/** The document of --json. */
export const jsonOf = (vends: VendReport[]) =>
  JSON.stringify(
    { vends: vends.map(({ notices: _, ...vend }) => vend), notices: vends.flatMap(({ notices }) => notices) },
    null,
    2,
  )

export const printTable = (organization: LocalOrganization, vends: VendReport[], say: Say) =>
  say(`\n${table(vends, organization.world.managementAccountId)}`)

/** Prints what went wrong: events without a matching rule, errors, refused requests and failure notices. */
export const printProblems = ({ vending }: LocalOrganization, vends: VendReport[], say: Say) => {
  for (const { door, execution, response, matched } of vends) {
    if (door === 'event' && !matched)
      say(
        styleText('yellow', 'No rule matches this event: ') +
          `vending.yml has automatic: ${vending.automatic}, and other events start nothing.`,
      )
    if (execution?.error) say(styleText('red', `${execution.error}: ${execution.cause}`))
    if (response && response.status >= 400)
      say(styleText('red', `HTTP ${response.status}: ${JSON.stringify(response.body)}`))
  }
  for (const { subject, to } of vends.flatMap(({ notices }) => notices))
    say(styleText('red', `Failure notice to ${to.join(', ')}: ${subject}`))
}
