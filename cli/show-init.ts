import { styleText } from 'node:util'
import type { Initialized } from './init.ts'
import type { Facts } from './init-facts.ts'
import { table, wrap } from './show.ts'
import { partOf } from './vending-text.ts'

/** What `vend init` found, before it asks. */
export const showFacts = ({ accountId, region, account, identities, hasControlTower, roles, unknown }: Facts) =>
  [
    table(
      ['Found', ''],
      [
        ['management account', `${accountId}${account ? ` (${account.name})` : ''}`],
        ['Region', region],
        ['SES', identities.length ? `verified: ${identities.join(', ')}` : 'no verified address or domain'],
        ['Control Tower', hasControlTower ? 'governs this organization' : 'does not govern this organization'],
        ['Identity Center', roles.length ? `roles here: ${roles.length}` : 'no roles here'],
      ],
    ),
    ...(unknown.length
      ? [
          wrap(
            `You do not have these permissions, so the suggestions miss what they would tell: ${unknown.join(', ')}.`,
          ),
        ]
      : []),
  ].join('\n')

/** The parts of two texts that differ, as diff shows them. */
export const showDifference = (before: string, after: string, keys: string[]) => {
  const lines = (part: string | undefined, mark: string, colour: 'red' | 'green') =>
    part === undefined ? [] : part.split(/\r?\n/).map((line) => styleText(colour, `${mark} ${line}`))
  return keys
    .flatMap((key) => [...lines(partOf(before, key), '-', 'red'), ...lines(partOf(after, key), '+', 'green')])
    .join('\n')
}

type Where = {
  stage: string
  region: string
  /** The options of this command that doctor needs as well. */
  options: string
  /** The file, if it is not the project's own. */
  config: string | undefined
  /** Whether this is the local organization, to which nothing is deployed. */
  isLocal: boolean
}

/** What has happened, what is missing, and the next commands, each with about how long it takes. */
export const showInitialized = (
  { file, changed, written, missing }: Initialized,
  { stage, region, options, config, isLocal }: Where,
) => {
  if (!written && changed.length) return 'Nothing was changed.'
  const quoted = config && (/^[\w./-]+$/.test(config) ? config : `'${config.replaceAll("'", `'\\''`)}'`)
  const npm = (script: string) =>
    `${quoted ? `VENDING_FILE=${quoted} ` : ''}npm run ${script} -- --stage ${stage}${region === 'us-east-1' ? '' : ` --region ${region}`}`
  const at = options.includes('--region') ? options : `${options} --region ${region}`
  return [
    ...(written ? [] : [`${file} says all this already. Nothing was changed.`]),
    ...(missing.length ? ['', styleText('bold', 'Still missing'), ...missing.map((line) => wrap(`• ${line}`))] : []),
    '',
    styleText('bold', 'Next'),
    'A few seconds, and it says what else is missing:',
    `  npx vend doctor${at}${quoted ? ` --config ${quoted}` : ''}`,
    ...(isLocal
      ? []
      : [
          'About ten seconds, without AWS:',
          `  ${npm('package')}`,
          'Several minutes the first time, when doctor has no complaints left:',
          `  ${npm('deploy')}`,
          wrap('Then confirm the subscription mails that SNS sends to the addresses under notify.'),
        ]),
  ].join('\n')
}
