import { styleText } from 'node:util'
import type { Commit } from './rebuild.ts'
import { wrap } from './show.ts'
import type { DifferentPart, Verified, VerifiedFunction } from './verify.ts'

const good = styleText('green', '✔')
const bad = styleText('red', '✘')

const showFunction = ({ name, outcome, isPackedElsewhere, deployed, built }: VerifiedFunction) => {
  if (outcome === 'same') return `${good} ${name}${isPackedElsewhere ? ' (compressed by another computer)' : ''}`
  if (outcome === 'not deployed') return `${bad} ${name}: is not deployed`
  return `${bad} ${name}: the deployed code is different\n    deployed ${deployed}\n    built    ${built}`
}

const mostDifferences = 5
const mostLetters = 70
const inShort = (value: unknown) => {
  const text = value === undefined ? 'nothing' : JSON.stringify(value)
  return text.length > mostLetters ? `${text.slice(0, mostLetters)}…` : text
}

const showPart = ({ part, outcome, differences }: DifferentPart) => {
  if (outcome !== 'different') return `${bad} ${part}: is ${outcome}`
  const shown = differences
    .slice(0, mostDifferences)
    .map(
      ({ at, deployed, built }) =>
        `    ${at || 'as a whole'}\n      deployed ${inShort(deployed)}\n      built    ${inShort(built)}`,
    )
  const more = differences.length - mostDifferences
  return [`${bad} ${part}: is different`, ...shown, ...(more > 0 ? [`    … and ${more} more (--json)`] : [])].join('\n')
}

const showCommit = ({ id, changed }: Commit) =>
  `Built from the commit ${id}${changed.length ? `, with changes that are not in it: ${changed.join(', ')}` : ''}.`

/** What is the same and what differs, for a person. */
export const showVerified = (
  { functions, template, isSame, commit }: Verified & { commit?: Commit },
  { stage, region }: { stage: string; region: string },
) => {
  const wrong = functions.filter(({ outcome }) => outcome !== 'same').length
  return [
    ...(commit ? [wrap(showCommit(commit)), ''] : []),
    ...functions.map(showFunction),
    '',
    ...(template.length ? template.map(showPart) : [`${good} the template`]),
    '',
    styleText(
      'bold',
      isSame
        ? `All ${functions.length} functions and the template are the same: what runs is what these sources build.`
        : `${wrong} of ${functions.length} functions and ${template.length} parts of the template differ.`,
    ),
    ...(isSame
      ? []
      : [
          wrap(
            'If the sources or vending.yml are not those of the deployment, get the deployed commit, run npm ci, and name the deployed ' +
              'file with --config. Otherwise somebody changed what is deployed: CloudTrail shows who called UpdateFunctionCode20150331v2 ' +
              'or UpdateStack. This deploys the sources again:',
          ),
          `  npm run deploy -- --stage ${stage} --region ${region}`,
        ]),
  ].join('\n')
}
