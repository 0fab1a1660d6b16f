import { GetTemplateCommand } from '@aws-sdk/client-cloudformation'
import { GetFunctionCommand, GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { isNamed } from '../functions/shared/aws-errors.ts'
import type { Make } from './clients.ts'
import { RefusedError } from './command-errors.ts'
import { serviceClients, stackName } from './service.ts'
import { filesIn } from './zip.ts'

export const verifyClients = (make: Make) => ({ ...serviceClients(make), lambda: make(LambdaClient) })
type Clients = ReturnType<typeof verifyClients>

export type VerifiedFunction = {
  name: string
  outcome: 'same' | 'different' | 'not deployed'
  /** The files are the same, but another computer or Node.js compressed them otherwise. */
  isPackedElsewhere?: true
  /** Lambda's CodeSha256 of the deployed package, and that of the package that was built. */
  deployed?: string
  built: string
}
type Difference = { at: string; deployed: unknown; built: unknown }
/** A resource, an output, or another part of the template that differs. */
export type DifferentPart = {
  part: string
  outcome: 'different' | 'only deployed' | 'only built'
  differences: Difference[]
}
export type Verified = { isSame: boolean; functions: VerifiedFunction[]; template: DifferentPart[] }

type Properties = { FunctionName: string; Code: { S3Key: string } }
type Template = Record<string, unknown> & { Resources: Record<string, { Type: string; Properties: Properties }> }

/**
 * Reads a template so that two templates of the same sources are equal. GetTemplate shows ? for every character that is
 * not ASCII, and osls puts each package into a folder with the time of the packaging.
 */
const readTemplate = (text: string) =>
  JSON.parse(text.replace(/[\u{80}-\u{10ffff}]/gu, '?'), (key, value: unknown) =>
    key === 'S3Key' && typeof value === 'string' ? value.replace(/\/\d{13}-[^/]+\//, '/') : value,
  ) as Template

const deployedTemplate = async ({ cloudFormation }: Clients, stage: string) => {
  const { TemplateBody = '' } = await cloudFormation.send(new GetTemplateCommand({ StackName: stackName(stage) }))
  try {
    return readTemplate(TemplateBody)
  } catch (error) {
    throw new RefusedError(
      `The template of the stack ${stackName(stage)} is not JSON: something else than npm run deploy has changed the stack.`,
      { cause: error },
    )
  }
}

/**
 * Compares what is deployed with a package of `npm run package`: each function's code, and the template. Changes that
 * somebody made beside CloudFormation are not in the template.
 * Throws `RefusedError` if the stack was not deployed by osls, and AWS's errors.
 */
export async function verify(
  clients: Clients,
  { stage, folder }: { stage: string; folder: string },
): Promise<Verified> {
  const built = readTemplate(readFileSync(path.join(folder, 'cloudformation-template-update-stack.json'), 'utf8'))
  const deployed = await deployedTemplate(clients, stage)
  const lambdas = Object.values(built.Resources).filter(({ Type }) => Type === 'AWS::Lambda::Function')
  const functions = await Promise.all(
    lambdas.map(async ({ Properties: { FunctionName, Code } }): Promise<VerifiedFunction> => ({
      name: FunctionName.slice(stackName(stage).length + 1),
      ...(await compareCode(clients, FunctionName, readFileSync(path.join(folder, path.basename(Code.S3Key))))),
    })),
  )
  const template = differentParts(deployed, built)
  const isSame = !template.length && functions.every(({ outcome }) => outcome === 'same')
  return { isSame, functions, template }
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('base64')

const hasSameFiles = (deployed: Buffer, built: Buffer) => {
  const files = filesIn(built)
  try {
    return isDeepStrictEqual(filesIn(deployed), files)
  } catch {
    // A zip that osls does not make.
    return false
  }
}

const compareCode = async (
  { lambda }: Clients,
  FunctionName: string,
  zip: Buffer,
): Promise<Omit<VerifiedFunction, 'name'>> => {
  const built = sha256(zip)
  try {
    const { CodeSha256: deployed = '' } = await lambda.send(new GetFunctionConfigurationCommand({ FunctionName }))
    if (deployed === built) return { outcome: 'same', deployed, built }
    const { Code } = await lambda.send(new GetFunctionCommand({ FunctionName }))
    const code = Buffer.from(await (await fetch(Code?.Location ?? '')).arrayBuffer())
    const isSame = sha256(code) === deployed && hasSameFiles(code, zip)
    return { outcome: isSame ? 'same' : 'different', ...(isSame && { isPackedElsewhere: true }), deployed, built }
  } catch (error) {
    if (isNamed(error, 'ResourceNotFoundException')) return { outcome: 'not deployed', built }
    throw error
  }
}

/** The parts of a template by name: each resource and output, and whatever else a template has. */
const partsOf = ({ Resources, Outputs = {}, ...others }: Template): Record<string, unknown> => ({
  ...others,
  ...Resources,
  ...Object.fromEntries(Object.entries(Outputs as object).map(([name, output]) => [`output ${name}`, output])),
})

const differentParts = (deployed: Template, built: Template) => {
  const [was, is] = [partsOf(deployed), partsOf(built)]
  return [...new Set([...Object.keys(is), ...Object.keys(was)])].flatMap((part): DifferentPart[] => {
    if (!(part in was)) return [{ part, outcome: 'only built', differences: [] }]
    if (!(part in is)) return [{ part, outcome: 'only deployed', differences: [] }]
    const differences = differencesOf(was[part], is[part])
    return differences.length ? [{ part, outcome: 'different', differences }] : []
  })
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The values that differ, each with the way to it. Lists of different lengths differ as a whole. */
const differencesOf = (deployed: unknown, built: unknown, at: string[] = []): Difference[] => {
  if (isDeepStrictEqual(deployed, built)) return []
  const areAlike =
    (isObject(deployed) && isObject(built)) ||
    (Array.isArray(deployed) && Array.isArray(built) && deployed.length === built.length)
  if (!areAlike) return [{ at: at.join('.'), deployed, built }]
  const [was, is] = [deployed, built] as [Record<string, unknown>, Record<string, unknown>]
  return [...new Set([...Object.keys(is), ...Object.keys(was)])].flatMap((key) =>
    differencesOf(was[key], is[key], [...at, key]),
  )
}
