import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parse, stringify } from 'yaml'
import type { Definition } from '../../local/deployed.ts'
import { bundleTogether } from './bundle.ts'
import { definitionWith, type Mistake, withMistake } from './mistake.ts'
import { runOpeningWorld } from './opening-world.ts'
import { configs, type Plan } from './plan.ts'
import { roundConfigs } from './round-plan.ts'
import { runRoundWorld } from './round-world.ts'
import { runWorld } from './run-world.ts'
import { loadTogether, type Service } from './service.ts'
import type { Result } from './world-result.ts'

type Config = Plan['config']
export type Services = Record<Config, Service>
/**
 * The functions under every configuration, as one text, and the vending.yml of each configuration. `definition` is the
 * workflow's definition, if it is not the one that is deployed.
 */
export type Bundle = { files: Record<Config, string>; text: string; definition?: Definition }

/** Writes a vending.yml for each configuration into a folder, and returns the paths by configuration. */
export const writeConfigs = (folder: string) => {
  const example = parse(readFileSync(path.join(import.meta.dirname, '..', 'support', 'vending.yml'), 'utf8')) as object
  return Object.fromEntries(
    Object.entries(configs).map(([name, config]) => {
      const file = path.join(folder, `${name}.yml`)
      writeFileSync(file, stringify({ ...example, ...config }))
      return [name, file]
    }),
  ) as Bundle['files']
}

/** The same service under every configuration. */
export const everywhere = (service: Service): Services => ({
  plain: service,
  groups: service,
  'control-tower': service,
  approval: service,
  rounds: service,
})

/** Bundles the functions, with a mistake in them or in the definition if one is given. */
export const bundleAll = async (files: Bundle['files'], mistake?: Mistake): Promise<Bundle> => ({
  files,
  text: await bundleTogether(files, mistake && 'file' in mistake ? [withMistake(mistake)] : []),
  ...(mistake && 'change' in mistake && { definition: definitionWith(mistake) }),
})

/**
 * Loads the functions of a bundle, and runs a few worlds under each configuration. The first use of an SDK client takes
 * other turns than later ones: after these worlds, a seed gives the same world however many worlds ran before.
 */
export const loadWarm = async ({ files, text, definition }: Bundle): Promise<Services> => {
  const services = loadTogether(files, text, definition)
  for (const [config, service] of Object.entries(services) as [Config, Service][])
    for (let seed = -1; seed > -6; seed--)
      if (isRoundWorld(seed) ? roundConfigs.includes(config) : config !== 'rounds')
        await runSeed(everywhere(service), seed)
  return services
}

/** Whether accounts are opened in the world of a seed. In the other worlds the accounts are there already. */
export const isOpeningWorld = (seed: number) => seed % 5 === 0

/** Whether the daily round runs for days in the world of a seed. */
export const isRoundWorld = (seed: number) => Math.abs(seed) % 10 === 3

const worldOf = (seed: number) =>
  isOpeningWorld(seed) ? runOpeningWorld : isRoundWorld(seed) ? runRoundWorld : runWorld

/** Whether all faults in the world of a seed end at a random moment, and everything must then end as promised. */
export const isLiveWorld = (seed: number) => Math.abs(seed) % 8 === 7

/** Runs the world of a seed. A crash of the simulation itself is a violation too. */
export const runSeed = (services: Services, seed: number, isLive = isLiveWorld(seed)): Promise<Result> =>
  worldOf(seed)(services, seed, { isLive }).catch((error: unknown) => ({
    seed,
    violation: {
      invariant: 'crash',
      what: error instanceof Error ? (error.stack ?? error.message) : String(error),
    },
    faults: {},
    branches: [],
    vends: 0,
    duplicateMails: 0,
    simulatedSeconds: 0,
    trace: [],
  }))
