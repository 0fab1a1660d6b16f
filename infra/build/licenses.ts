import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { build, type BuildOptions } from 'esbuild'
import spdxExpression from 'spdx-expression-parse'
import satisfies from 'spdx-satisfies'

const root = path.join(import.meta.dirname, '..', '..')

/** Licenses that ask only to keep the notice. Code under any other license must not be bundled. */
export const permissive = ['Apache-2.0', 'MIT', 'MIT-0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0']

export type BundledPackage = { name: string; version: string; license: string; folder: string }

const folderOf = (input: string) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]

const readPackage = (folder: string): BundledPackage => {
  const file = readFileSync(path.join(folder, 'package.json'), 'utf8')
  const { name, version, license = 'none' } = JSON.parse(file) as BundledPackage
  return { name, version, license, folder }
}

/**
 * The npm packages that have code in the bundles that esbuild makes with these options, sorted by name. The list comes
 * from what esbuild put into the bundles, not from package.json: most of the installed packages are in no bundle.
 */
export const bundledPackages = async (options: BuildOptions): Promise<BundledPackage[]> => {
  const { metafile } = await build({ ...options, absWorkingDir: root, outdir: 'bundles', write: false, metafile: true })
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([input, { bytesInOutput }]) => (bytesInOutput ? [input] : [])),
  )
  const folders = new Set(inputs.flatMap((input) => folderOf(input) ?? []))
  return [...folders]
    .map((folder) => readPackage(path.resolve(root, folder)))
    .sort((a, b) => a.name.localeCompare(b.name))
}

const isPermissive = (license: string) => {
  try {
    return satisfies(license, permissive)
  } catch {
    // Not an SPDX expression, such as "SEE LICENSE IN LICENSE.md".
    return false
  }
}

/** A line for each package whose license is not permissive. */
export const licenseIssues = (packages: BundledPackage[]) =>
  packages
    .filter(({ license }) => !isPermissive(license))
    .map(
      ({ name, version, license }) =>
        `${name} ${version} has the license ${license}; code in the functions must have one of ${permissive.join(', ')}`,
    )

const noticesOf = ({ folder, license }: BundledPackage) => {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  return files.length
    ? files.map((file) => readFileSync(path.join(folder, file), 'utf8').trim())
    : [`The package contains no license text. The text of ${license}: https://spdx.org/licenses/${license}.html`]
}

/** The license of each package with its text, for those who pass the functions on. */
export const licenseText = (packages: BundledPackage[]) =>
  [
    'The functions of account-vending contain code of these packages.',
    ...packages.map((each) => [`${each.name} ${each.version}: ${each.license}`, ...noticesOf(each)].join('\n\n')),
  ].join(`\n\n${'-'.repeat(80)}\n\n`) + '\n'

const licenses = new Contrib.License.Factories.LicenseFactory(spdxExpression)

const componentOf = (type: Enums.ComponentType, { name, version, license }: BundledPackage) => {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  const component = new Models.Component(type, name, { version, purl, bomRef: purl })
  component.licenses.add(licenses.makeFromString(license))
  return component
}

/** The software bill of materials of the functions: CycloneDX 1.6 as JSON, the same text for the same packages. */
export const billOfMaterials = (packages: BundledPackage[]) => {
  const bom = new Models.Bom()
  bom.metadata.component = componentOf(Enums.ComponentType.Application, readPackage(root))
  for (const each of packages) bom.components.add(componentOf(Enums.ComponentType.Library, each))
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return serializer.serialize(bom, { sortLists: true, space: 2 }) + '\n'
}
