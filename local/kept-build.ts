import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { build, type BuildOptions } from 'esbuild'

const root = path.join(import.meta.dirname, '..')
const folder = path.join(root, 'dist', 'bundles')

const filesIn = (place: string) =>
  statSync(place).isFile()
    ? [place]
    : readdirSync(place, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => path.join(parentPath, name))
        .sort()

const hashOf = (files: string[]) => {
  const hash = createHash('sha256')
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(existsSync(file) ? readFileSync(file) : '')
      .update('\0')
  return hash.digest('hex')
}

type Kept = { inputs: string[]; hash: string; texts: Record<string, string> }
const readKept = (file: string) => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Kept
  } catch {
    return undefined
  }
}

/** Builds in memory. Returns the text of each output by its name without `.js`. */
export const buildTexts = async (options: BuildOptions) => {
  const { outputFiles, metafile } = await build({ ...options, absWorkingDir: root, write: false, metafile: true })
  return {
    texts: Object.fromEntries(outputFiles.map(({ path: file, text }) => [path.basename(file, '.js'), text])),
    inputs: Object.keys(metafile.inputs).map((file) => path.resolve(root, file)),
  }
}

/**
 * Builds as `buildTexts` does, and keeps the texts in dist/bundles until a file that goes in changes.
 * `name` names the options. `sources` are the files and folders that decide what the options are.
 */
export const keptBuild = async (name: string, options: BuildOptions, sources: string[]) => {
  // esbuild does not list what plugins read, nor which file it would choose if there were one more.
  const places = ['functions', 'infra/build', 'package.json', 'tsconfig.json', 'local/kept-build.ts']
  const own = [...places.map((place) => path.join(root, place)), ...sources].flatMap(filesIn)
  own.push(path.join(root, 'node_modules', '.package-lock.json'))
  const file = path.join(folder, `${name}.json`)
  const kept = readKept(file)
  if (kept && kept.hash === hashOf([...own, ...kept.inputs])) return kept.texts

  const before = hashOf(own)
  const { texts, inputs } = await buildTexts(options)
  // Somebody may have saved a file during the build.
  if (hashOf(own) !== before) return texts
  try {
    mkdirSync(folder, { recursive: true })
    const whole = `${file}.${process.pid}`
    writeFileSync(whole, JSON.stringify({ inputs, hash: hashOf([...own, ...inputs]), texts } satisfies Kept))
    renameSync(whole, file)
  } catch {
    // In a folder that cannot be written, every start builds.
  }
  return texts
}
