import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { build, type BuildOptions } from 'esbuild'
import { bundling } from '../../infra/build/esbuild.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { slimSdk } from '../../infra/build/slim-sdk.ts'
import { readDeployed } from '../../local/deployed.ts'
import { type Figure, type Figures, median, quantile, round, worseThan } from './figures.ts'

const root = path.join(import.meta.dirname, '..', '..')
const place = { partition: 'aws', region: 'us-east-1', accountId: '111122223333' }
const handlerOf = (name: string) => path.join(root, 'functions', name, 'handler.ts')

/** The SDK clients that a handler makes, and their packages, read from the handler's source. */
const clientsOf = (name: string) => {
  const source = readFileSync(handlerOf(name), 'utf8')
  const imports = [...source.matchAll(/^import \{ (\w+Client) \} from '(@aws-sdk\/client-[\w-]+)'$/gm)]
  const made = new Set([...source.matchAll(/new (\w+Client)\(/g)].map(([, client]) => client))
  if (imports.length !== made.size || imports.some(([, client]) => !made.has(client)))
    throw new Error(`functions/${name}/handler.ts makes clients in a way that this benchmark does not read`)
  return imports.map(([, client = '', from = '']) => ({ client, from }))
}

const bareClients = (name: string) => {
  const clients = clientsOf(name)
  return [
    ...clients.map(({ client, from }) => `import { ${client} } from '${from}'`),
    `export const clients = [${clients.map(({ client }) => `new ${client}()`).join(', ')}]`,
  ].join('\n')
}

/**
 * The options of a function's bundle, but with the whole SDK. The bundles that the functions are compared with must
 * not lose the code that we leave out: leaving code out would then look like a slower start.
 */
const withWholeSdk = ({ plugins = [], ...options }: BuildOptions): BuildOptions => ({
  ...options,
  plugins: plugins.filter((plugin) => plugin !== slimSdk),
})

/** esbuild's defaults and what a bundle for Lambda needs, with classic zod and the SDK's whole chain of credentials. */
const theUsualWay = ({ plugins = [] }: BuildOptions): BuildOptions => ({
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  alias: { 'zod/mini': path.join(import.meta.dirname, 'classic-zod.ts') },
  // No handler works without its mails and vending.yml.
  plugins,
})

const initTime = async (file: string, env: Record<string, string>) => {
  const script =
    'const t = process.hrtime.bigint(); require(process.argv[1]); console.log(Number(process.hrtime.bigint() - t) / 1e6)'
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, file], { env })
  // A function may log while it starts. The time is the last line.
  const time = Number(stdout.trim().split('\n').at(-1))
  if (!(time >= 0)) throw new Error(`${file} did not tell how long it took to start: ${stdout}`)
  return time
}

type Options = {
  vendingFile: string
  processes: number
  /** Only these functions; without it, all. */
  only?: string[]
  onProgress: (line: string) => void
}

const deployedFunctions = (vendingFile: string) => readDeployed(loadVending(vendingFile), place).functions

/** Counts the bytes of each deployed bundle, without measuring times. */
export const countBytes = async (vendingFile: string): Promise<Figures> => {
  const options = { ...bundling(vendingFile), write: false } as const
  const sizes = await Promise.all(
    deployedFunctions(vendingFile).map(async ({ name }) => {
      const { outputFiles } = await build({ ...options, entryPoints: [handlerOf(name)] })
      return bytesFigure(name, outputFiles[0]?.contents.length ?? NaN)
    }),
  )
  return Object.fromEntries(sizes)
}

/** Measures the size of each bundle, and how long a fresh process takes to load it and the bundles to compare with. */
export const measureStart = async ({ vendingFile, processes, only, onProgress }: Options) => {
  const functions = deployedFunctions(vendingFile).filter(({ name }) => !only || only.includes(name))
  const deployed = bundling(vendingFile)
  const folder = mkdtempSync(path.join(tmpdir(), 'account-vending-bench-'))
  try {
    const empty = path.join(folder, 'empty.cjs')
    writeFileSync(empty, 'exports.handler=async()=>{};')
    const variants = await Promise.all(
      functions.map(async ({ name, environment }) => {
        const file = (kind: string) => path.join(folder, `${name}.${kind}.cjs`)
        const bare = { contents: bareClients(name), resolveDir: root }
        await build({ ...deployed, entryPoints: [handlerOf(name)], outfile: file('deployed') })
        await build({ ...withWholeSdk(deployed), stdin: bare, outfile: file('bare') })
        await build({ ...theUsualWay(withWholeSdk(deployed)), entryPoints: [handlerOf(name)], outfile: file('usual') })
        const credentials = { AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none' }
        const env = { ...environment, ...credentials, AWS_REGION: place.region, AWS_LAMBDA_FUNCTION_NAME: name }
        return { name, env, files: { deployed: file('deployed'), bare: file('bare'), usual: file('usual') } }
      }),
    )

    const times = new Map<string, number[]>()
    // Every round loads each bundle once, so that other work of the machine slows all alike. The first round only
    // fills caches.
    for (let i = 0; i <= processes; i++) {
      onProgress(`start: round ${i} of ${processes}`)
      for (const { file, env } of [
        { file: empty, env: {} },
        ...variants.flatMap(({ files, env }) => Object.values(files).map((file) => ({ file, env }))),
      ]) {
        const time = await initTime(file, env)
        if (i) times.set(file, [...(times.get(file) ?? []), time])
      }
    }

    const told = (file: string) => {
      const measured = times.get(file) ?? []
      const at = (share: number) => round(quantile(measured, share), 1)
      return { bytes: statSync(file).size, median: at(0.5), quartiles: [at(0.25), at(0.75)] as [number, number] }
    }
    const ratio = (file: string, other: string) =>
      round(median(times.get(file) ?? []) / median(times.get(other) ?? []), 3)
    const bundles = variants.map(({ name, files }) => ({
      name,
      clients: clientsOf(name).map(({ client }) => client),
      deployed: told(files.deployed),
      bare: told(files.bare),
      usual: told(files.usual),
      toBare: ratio(files.deployed, files.bare),
      toUsual: ratio(files.deployed, files.usual),
    }))
    return { figures: figuresOf(bundles), details: { processes, empty: told(empty), bundles } }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

type Bundle = { name: string; deployed: { bytes: number }; toBare: number; toUsual: number }

const bytesFigure = (name: string, bytes: number): [string, Figure] => [
  `start: bytes of ${name}`,
  { value: bytes, rule: 'count', bound: mostBytes },
]

const figuresOf = (bundles: Bundle[]): Figures =>
  Object.fromEntries(
    bundles.flatMap(({ name, deployed, toBare, toUsual }): [string, Figure][] => [
      bytesFigure(name, deployed.bytes),
      [`start: init of ${name} to its bare clients`, { value: toBare, rule: 'ratio', bound: 1.4 }],
      [`start: init of ${name} to the usual way`, { value: toUsual, rule: 'ratio', bound: 0.5 }],
    ]),
  )

/**
 * Measures, and measures again with twice as many processes where a ratio of times is worse than before: other work
 * of the machine may have been the reason.
 */
export const measureStartAgainst = async (before: Figures, options: Options) => {
  const first = await measureStart(options)
  const only = first.details.bundles
    .filter((bundle) => ratiosWorse(before, figuresOf([bundle])))
    .map(({ name }) => name)
  if (!only.length) return first
  const second = await measureStart({ ...options, only, processes: 2 * options.processes })
  const bundles = first.details.bundles.map(
    (bundle) => second.details.bundles.find(({ name }) => name === bundle.name) ?? bundle,
  )
  return { figures: figuresOf(bundles), details: { ...first.details, bundles } }
}

const ratiosWorse = (before: Figures, now: Figures) =>
  worseThan(before, Object.fromEntries(Object.entries(now).filter(([, { rule }]) => rule === 'ratio'))).length > 0

export const mostBytes = 300 * 1024
