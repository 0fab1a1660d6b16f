import { existsSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual, styleText } from 'node:util'
import { VerifyEmailIdentityCommand } from '@aws-sdk/client-ses'
import { parseDocument } from 'yaml'
import type { Issues } from '../functions/shared/errors.ts'
import { faultsOf, parseInput } from '../functions/shared/parse.ts'
import { senderAddress, type Vending, vendingSchema } from '../functions/shared/vending.ts'
import { loadVending } from '../infra/build/check-vending.ts'
import { defaultRequest, standIn } from '../infra/build/default-request.ts'
import { exampleKeys } from '../infra/build/example-values.ts'
import { readNamedFile } from '../infra/build/named-file.ts'
import type { Asker } from './ask.ts'
import { RefusedError, UsageError } from './command-errors.ts'
import type { Clients } from './doctor-context.ts'
import { type Choice, type Question, questions, readAnswer, type Values } from './init-questions.ts'
import { type Facts, findFacts, lookAtSes } from './init-facts.ts'
import { showDifference, showFacts } from './show-init.ts'
import { wrap } from './show.ts'
import { type Value, withValue } from './vending-text.ts'

export type Given = Record<string, string[]>
type Asked = {
  /** The file to write. */
  file: string
  /** The text to begin with, if there is no such file yet. */
  example: () => string
  /** The answers that options give, by key. */
  given: Given
  verifySender: boolean
  force: boolean
  /** The person at the terminal; undefined to take every suggestion. */
  person: Asker | undefined
  /** Shows a line. */
  say: (text: string) => void
}
export type Initialized = {
  file: string
  /** The keys whose values have changed. */
  changed: string[]
  written: boolean
  /** The address that SES has mailed a verification link. */
  verifying?: string
  /** What is missing before the service can send mail, each with about how long it takes. */
  missing: string[]
}

const readValues = (text: string, file: string): Values => {
  const document = parseDocument(text)
  const [problem] = document.errors
  if (problem) throw new UsageError(`${file} is not valid YAML. Correct the file first: ${problem.message.trimEnd()}`)
  return (document.toJS() ?? {}) as Values
}

/** What is wrong with the value of a key, in the words of the schema and of the checks of packaging. */
const faultsIn = (values: Values, key: string): Issues => {
  try {
    defaultRequest(parseInput(vendingSchema, values))
    return []
  } catch (error) {
    const isRecipient = error instanceof Error && error.name === 'RecipientNotAllowedError'
    return faultsOf(error)
      .map(({ field, message }) =>
        isRecipient
          ? {
              field: 'allowedRecipients',
              message: `${field.replace(/^vending\.yml /, '')} ${message.replace(`, ${standIn})`, ')')}`,
            }
          : { field, message },
      )
      .filter(({ field }) => field.replace(/[.[].*$/s, '') === key)
  }
}

const isExample = (key: string, value: unknown) => exampleKeys({ [key]: value } as unknown as Vending).length > 0

/** The keys for which the example has values that nobody can keep. */
const needed = ['sender', 'organizationName', 'contact', 'allowedRecipients', 'notify', 'secretReaders', 'operators']

/** Whether a `vending.yml` is still the example, as far as the answers matter. */
const isUntouched = (values: Values) => needed.every((key) => isExample(key, values[key]))

/** A value in the words of an answer: the name of a choice stands for its value. */
const shown = (value: Value, choices: Choice[]) => {
  const nameOf = (text: string) => choices.find((choice) => choice.value === text)?.name ?? text
  return [value ?? []].flat().map(nameOf).join(', ') || 'none'
}

const promptOf = ({ isList, choices }: Question, shownChoices: Choice[]) => {
  const number = shownChoices.length > 0
  if (isList && choices) return `${number ? 'Numbers or ' : ''}ARNs, separated by commas`
  if (isList) return 'Answers, separated by commas'
  return number ? 'Number or name' : 'Answer'
}

type Known = {
  facts: Facts
  values: Values
  suggestion: { value: Value } | undefined
  /** The ARNs that the person has seen beside their names. */
  seen: Set<string>
}

/** Asks one question until the answer is right. Enter takes the suggestion. */
const ask = async (person: Asker, question: Question, { facts, values, suggestion, seen }: Known): Promise<Value> => {
  const choices = question.choices?.(facts) ?? []
  person.show(`\n${styleText('bold', question.key)}\n${wrap(question.explain(facts, values))}`)
  choices.forEach(({ name, value }, i) =>
    person.show(`  ${i + 1}  ${name}${name === value || seen.has(value) ? '' : `  ${value}`}`),
  )
  for (const { value } of choices) seen.add(value)
  const hint = suggestion ? ` [${shown(suggestion.value, choices)}]` : ''
  const prompt = `${promptOf(question, choices)}${hint}: `
  for (;;) {
    const text = await person.question(prompt)
    const value = text === '' && suggestion ? suggestion.value : readAnswer(question, [text], facts, { numbered: true })
    const faults = faultsIn({ ...values, [question.key]: value }, question.key)
    if (!faults.length) return value
    for (const { field, message } of faults) person.show(wrap(`✘ ${field}: ${message}.`))
  }
}

/** Answers all questions: by the options, then by the person or the suggestions. Returns the values by key. */
const answerAll = async (facts: Facts, before: Values, { given, person }: Pick<Asked, 'given' | 'person'>) => {
  const untouched = isUntouched(before)
  const values: Values = { ...before }
  const seen = new Set<string>()
  const answers: [key: string, value: Value][] = []
  const refuse = ({ key, option }: Question, values: Values) => {
    const [fault] = faultsIn(values, key)
    if (fault) throw new UsageError(`--${option}: ${fault.field} ${fault.message}.`)
  }
  // A mistake in an option shows before the first question.
  const asOptions = questions.filter(({ key }) => given[key])
  const all = asOptions.map(
    (question) => [question.key, readAnswer(question, given[question.key] ?? [], facts)] as const,
  )
  for (const question of asOptions) refuse(question, { ...before, ...Object.fromEntries(all) })
  for (const question of questions) {
    const { key, option } = question
    const texts = given[key]
    if (!texts && question.isNeeded?.(values) === false) continue
    const own = before[key] as Value
    const keeps = !untouched && !isExample(key, own) && (own !== undefined || question.canBeNone)
    const suggested = keeps ? own : question.suggest(facts, values)
    const suggestion = suggested !== undefined || question.canBeNone ? { value: suggested } : undefined
    let value: Value
    if (texts) value = readAnswer(question, texts, facts)
    else if (person) value = await ask(person, question, { facts, values, suggestion, seen })
    else if (suggestion) value = suggestion.value
    else throw new UsageError(`There is no suggestion for ${key} (${question.what}). Add --${option} ${question.form}.`)
    values[key] = value
    if (value === undefined) delete values[key]
    refuse(question, values)
    answers.push([key, value])
  }
  return { answers, values }
}

/**
 * Writes a `vending.yml` that packaging accepts, as a whole or not at all.
 * Throws `RefusedError` if packaging would not accept the text.
 */
const writeVending = (file: string, text: string) => {
  // A link stays a link, and the new file is in the folder of the old one, so that it can take its place in one step.
  const real = existsSync(file) ? realpathSync(file) : file
  const temporary = path.join(path.dirname(real), `.${process.pid}.${path.basename(real)}`)
  try {
    writeFileSync(temporary, text, { mode: existsSync(real) ? statSync(real).mode : 0o644 })
    loadVending(temporary)
    renameSync(temporary, real)
  } catch (error) {
    rmSync(temporary, { force: true })
    const why =
      error instanceof Error ? error.message.replace(path.basename(temporary), path.basename(file)) : String(error)
    throw new RefusedError(`${why}\nNothing was written.`, { cause: error })
  }
}

/** Asks whether to change a file with values of the person's own. */
const mayChange = async ({ force, person, say, file }: Asked, difference: string) => {
  say(`\nThis changes in ${file}:\n${difference}`)
  if (force) return true
  if (person) return person.confirm('\nChange the file?')
  throw new RefusedError(`${file} has values of your own. To change them, add --force. Nothing was written.`)
}

/** How long each step takes that AWS or a person must still do. Source: SES Developer Guide. */
const whatIsMissing = ({ sender, sending }: Awaited<ReturnType<typeof lookAtSes>>, verifying: string | undefined) => [
  ...(verifying
    ? [
        `Open the link in the mail that AWS sends to ${verifying}. The mail arrives within minutes; the link works for 24 hours.`,
      ]
    : sender?.status === 'fail'
      ? [
          `${sender.finding} ${sender.remedy} An address takes minutes: npx vend init --yes --verify-sender has SES send the mail. A domain takes up to 72 hours after you have set its DNS records.`,
        ]
      : []),
  ...(sending?.status === 'fail' ? [`${sending.finding} ${sending.remedy} AWS usually answers within 24 hours.`] : []),
]

/**
 * Asks what `vending.yml` needs, with what AWS says as suggestions, and writes the file. All questions come before the
 * first change.
 * Throws `UsageError`, `RefusedError`, `InterruptedError`, and AWS's errors where nothing can be read.
 */
export const init = async (clients: Clients, asked: Asked): Promise<Initialized> => {
  const { file, example, person, say } = asked
  const isNew = !existsSync(file)
  if (!existsSync(path.dirname(file)))
    throw new UsageError(
      `There is no folder ${path.dirname(file)}. Create the folder, or name another file with --config.`,
    )
  const text = isNew ? example() : readNamedFile(file, file)
  const before = readValues(text, file)
  const facts = await findFacts(clients)
  say(showFacts(facts))
  person?.show('\nEnter takes the answer in brackets. Ctrl-C ends the command and changes nothing.')
  const { answers, values } = await answerAll(facts, before, asked)
  const changes = answers.filter(([key, value]) => !isDeepStrictEqual(before[key], value))
  const changed = changes.map(([key]) => key)
  const after = changes.reduce((text, [key, value]) => withValue(text, key, value), text)
  const look = () => lookAtSes(clients, { ...facts, vending: values as Vending })
  const sesBefore = await look()
  const done: Initialized = { file, changed, written: false, missing: [] }
  if (changed.length && !isNew && !isUntouched(before))
    if (!(await mayChange(asked, showDifference(text, after, changed)))) return done

  const address = senderAddress(values as Vending)
  const verifies =
    sesBefore.sender?.status === 'fail' &&
    (asked.verifySender ||
      (person !== undefined &&
        (await person.confirm(
          `\n${wrap(`${sesBefore.sender.finding} SES can mail ${address} a link that verifies the address.`)}\nShall SES send this mail?`,
        ))))
  person?.end()
  if (changed.length || isNew) {
    writeVending(file, after)
    say(`\nWritten: ${file}`)
  }
  if (verifies) await clients.ses.send(new VerifyEmailIdentityCommand({ EmailAddress: address }))
  const verifying = verifies ? address : undefined
  return {
    ...done,
    written: changed.length > 0 || isNew,
    ...(verifying !== undefined && { verifying }),
    missing: whatIsMissing(sesBefore, verifying),
  }
}
