import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { latencies } from '../simulation/latencies.ts'
import { accountId, type loadSimulation, type Simulated } from '../simulation/simulation.ts'
import { type Figures, round } from './figures.ts'
import priceTable from './prices.json' with { type: 'json' }

type Simulation = Awaited<ReturnType<typeof loadSimulation>>
type Price = keyof typeof priceTable.prices
/** How much is used of each thing that has a price. */
export type Usage = Partial<Record<Price, number>>

export const priceOf = (usage: Usage) =>
  Object.entries(usage).reduce((sum, [name, amount]) => {
    const { usd, per } = priceTable.prices[name as Price]
    return sum + (amount * usd) / per
  }, 0)

export const addUp = (usages: Usage[]) =>
  usages.reduce<Usage>((all, usage) => {
    for (const [name, amount] of Object.entries(usage)) all[name as Price] = (all[name as Price] ?? 0) + amount
    return all
  }, {})

const root = path.join(import.meta.dirname, '..', '..')
// This file does not follow references to other resources.
const reference = (tag: string) => ({ tag, resolve: (text: string) => text })
const read = (file: string) =>
  parse(readFileSync(path.join(root, file), 'utf8'), {
    merge: true,
    logLevel: 'error',
    customTags: ['!Ref', '!GetAtt', '!Sub'].map(reference),
  }) as Record<string, unknown>

type Resource = { Type: string; Properties?: { EnableKeyRotation?: boolean } }
export const deployed = () => {
  const { provider, resources } = read('serverless.yml') as {
    provider: { memorySize: number; architecture: string; tracing: { lambda: boolean } }
    resources: string[]
  }
  // What vending.yml adds by a variable, a configuration set and a host name, costs nothing.
  const files = resources.flatMap((line) => /^\$\{file\((.+)\)\}$/.exec(line)?.[1] ?? [])
  return {
    provider,
    resources: files.flatMap((file) => Object.values((read(file)['Resources'] ?? {}) as Record<string, Resource>)),
  }
}

// These resources cost nothing while nothing is vended.
const freeWhenIdle = [
  // The first three dashboards are free.
  'AWS::CloudWatch::Dashboard',
  'AWS::DynamoDB::Table',
  'AWS::Events::Rule',
  'AWS::IAM::Role',
  'AWS::KMS::Alias',
  'AWS::Lambda::Permission',
  'AWS::Logs::LogGroup',
  'AWS::SNS::Topic',
  'AWS::SQS::Queue',
  'AWS::SQS::QueuePolicy',
]

/** What is used in a month in which nothing is vended, after so many rotations of the keys. */
export const idleMonth = (resources: Resource[], rotations: number): Usage =>
  addUp(
    resources.map(({ Type, Properties }): Usage => {
      if (Type === 'AWS::KMS::Key')
        return { kmsKeyMonth: 1, kmsRotationMonth: Properties?.EnableKeyRotation ? Math.min(2, rotations) : 0 }
      if (Type === 'AWS::CloudWatch::Alarm') return { alarmMonth: 1 }
      if (freeWhenIdle.includes(Type)) return {}
      throw new Error(`test/bench/cost.ts does not know what ${Type} costs when nothing is vended`)
    }),
  )

// Secrets Manager makes two KMS requests to write a secret (a data key, and its check), and one to read a secret.
const kmsRequests: Record<string, number> = { CreateSecret: 2, PutSecretValue: 2, GetSecretValue: 1 }
// Lambda logs START, END and REPORT for each invocation. The size is an assumption.
const platformLogBytes = 400

/** What one simulated vend used. Durations are simulated, with the assumptions of test/simulation/latencies.ts. */
export const usageOf = (
  {
    calls,
    invocations,
    transitions,
    logBytes,
    mails,
    units,
    ledgerBytes,
  }: Pick<Simulated, 'calls' | 'invocations' | 'transitions' | 'logBytes' | 'mails' | 'units' | 'ledgerBytes'>,
  memoryMegabytes: number,
): Usage => ({
  transition: transitions,
  lambdaRequest: invocations.length,
  // Lambda bills by the millisecond, and bills the init of a cold start.
  lambdaGigabyteSecond: invocations.reduce(
    (sum, { start, end }) => sum + (Math.ceil(end - start) / 1000) * (memoryMegabytes / 1024),
    0,
  ),
  ledgerWriteUnit: units.write,
  ledgerReadUnit: units.read,
  ledgerGigabyteMonth: ledgerBytes / 1e9,
  secretsManagerCall: calls.filter(({ service }) => service === 'secretsmanager').length,
  kmsRequest: calls.reduce((sum, { operation }) => sum + (kmsRequests[operation] ?? 0), 0),
  mail: mails.length,
  customEvent: calls.filter(({ operation }) => operation === 'PutEvents').length,
  logGigabyte: (logBytes + invocations.length * platformLogBytes) / 1e9,
  trace: 1,
})

/** What one of these vends costs on average, in USD. */
export const meanPrice = (simulated: Simulated[]) => {
  const { memorySize } = deployed().provider
  return priceOf(addUp(simulated.map((world) => usageOf(world, memorySize)))) / simulated.length
}

/** What vending costs. `simulated` are the new accounts of a year, as the part `time` vended them. */
export const countCost = async ({ vend }: Simulation, simulated: Simulated[]) => {
  const { provider, resources } = deployed()
  const usage = (world: Simulated) => usageOf(world, provider.memorySize)
  const first = usage(
    await vend({ seed: 'cost', input: { accountId }, takes: (what) => latencies[what]?.median ?? NaN }),
  )
  const year = addUp(simulated.map(usage))
  const [idle, afterOneRotation, afterTwo] = [0, 1, 2].map((rotations) => priceOf(idleMonth(resources, rotations)))
  const perThousand = (priceOf(year) / simulated.length) * 1000
  const months = 12
  const costs = {
    oneVendFirstTry: priceOf(first),
    oneNewAccount: perThousand / 1000,
    thousandNewAccounts: perThousand,
    yearOfThousandAccounts: perThousand + months * (idle ?? NaN),
    idleMonth: idle ?? NaN,
    idleMonthAfterOneRotation: afterOneRotation ?? NaN,
    idleMonthAfterTwoRotations: afterTwo ?? NaN,
    secretMonth: priceOf({ secretMonth: 1 }),
    secretWeek: priceOf({ secretMonth: 7 / 30 }),
  }
  const figures: Figures = {
    'cost: one vend, first try, in USD': { value: round(costs.oneVendFirstTry, 7), rule: 'count' },
    'cost: one new account with its retries, in USD': {
      value: round(costs.oneNewAccount, 7),
      rule: 'count',
      bound: 0.0015,
    },
    'cost: idle month, in USD': { value: round(costs.idleMonth), rule: 'count', bound: 3 },
    // The goal above is for new keys: KMS bills $1 a month more for each of a key's first two rotations.
    'cost: idle month after the keys’ first rotation, in seven years, in USD': {
      value: round(costs.idleMonthAfterOneRotation),
      rule: 'count',
    },
  }
  const kinds = Object.fromEntries(
    [...Map.groupBy(resources, ({ Type }) => Type)].map(([type, all]) => [type, all.length]),
  )
  const details = {
    costs,
    usage: {
      oneVendFirstTry: first,
      oneNewAccount: Object.fromEntries(
        Object.entries(year).map(([name, amount]) => [name, amount / simulated.length]),
      ),
    },
    memoryMegabytes: provider.memorySize,
    resources: kinds,
    prices: priceTable,
  }
  return { figures, details }
}
