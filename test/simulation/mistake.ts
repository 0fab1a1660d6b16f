import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Plugin } from 'esbuild'
import { allStates, type Definition, type State } from '../../local/aws/step-functions-definition.ts'
import { readDefinition } from '../../local/deployed.ts'

type Searched = {
  name: string
  /** Only these worlds can show the mistake. */
  onlyIn?: 'rounds' | 'openings'
  /** The mistake shows only when all faults end at a random moment. */
  isLive?: true
}
/** A mistake that somebody could make: in a file of functions/, `right` becomes `wrong`. */
export type MistakeInFunctions = Searched & {
  file: string
  changes: [right: string, wrong: string][]
}
/** A mistake that somebody could make in the workflow's definition. */
type MistakeInDefinition = Searched & { change: (states: Record<string, State>) => void }
export type Mistake = MistakeInFunctions | MistakeInDefinition

const placeOf = ({ file }: MistakeInFunctions) => path.join(import.meta.dirname, '..', '..', 'functions', file)

/** The text of a file with a mistake in it. Throws an Error if the code has moved on, and the mistake has not. */
export const textWith = (mistake: MistakeInFunctions) => {
  const { name, file, changes } = mistake
  let text = readFileSync(placeOf(mistake), 'utf8')
  for (const [right, wrong] of changes) {
    if (text.split(right).length !== 2) throw new Error(`The mistake “${name}” does not fit ${file} any more`)
    text = text.replace(right, () => wrong)
  }
  return text
}

/** Bundles the functions with a mistake in them. */
export const withMistake = (mistake: MistakeInFunctions): Plugin => ({
  name: 'mistake',
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, ({ path }) =>
      path === placeOf(mistake) ? { contents: textWith(mistake), loader: 'ts' } : undefined,
    )
  },
})

/** Returns the workflow's definition with a mistake in it. */
export const definitionWith = ({ name, change }: MistakeInDefinition) => {
  const definition = readDefinition()
  const before = JSON.stringify(definition)
  change(Object.fromEntries(allStates(definition as Definition)))
  // The definition has moved on: the mistake must move with it.
  if (JSON.stringify(definition) === before)
    throw new Error(`The mistake “${name}” does not fit the definition any more`)
  return definition
}
