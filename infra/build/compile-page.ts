import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { build } from 'esbuild'

/** The part of a page that replaces a reference to a file. */
const inlined = async (file: string) => {
  const { outputFiles } = await build({
    entryPoints: [file],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: ['es2022', 'chrome110', 'firefox115', 'safari16'],
    legalComments: 'none',
  })
  const text = outputFiles[0]?.text.trim() ?? ''
  // pageAnswer fills the placeholders of the whole page. A value inside would also change the hash.
  if (text.includes('{{')) throw new Error(`${file}: the bundle has {{, which marks a placeholder`)
  return { text, hash: `'sha256-${createHash('sha256').update(text).digest('base64')}'` }
}

/**
 * Makes one response of an HTML file that refers to one style sheet and one script. `csp` allows exactly these two by
 * their hashes, and requests to the page's own origin. Throws an error with the file if a reference is missing.
 */
export const compilePage = async (file: string) => {
  const source = await readFile(file, 'utf8')
  const find = (pattern: RegExp) => {
    const [tag, name] = pattern.exec(source) ?? []
    if (!tag || !name) throw new Error(`${file}: nothing matches ${pattern}`)
    return { tag, file: path.resolve(file, '..', name) }
  }
  const link = find(/<link rel="stylesheet" href="([\w.-]+)" \/>/)
  const reference = find(/<script type="module" src="([\w.-]+)"><\/script>/)
  const [style, script] = await Promise.all([inlined(link.file), inlined(reference.file)])
  const html = source
    .replace(/\n\s*/g, '\n')
    .replace(link.tag, () => `<style>${style.text}</style>`)
    .replace(reference.tag, () => `<script type="module">${script.text}</script>`)
  const csp = [
    "default-src 'none'",
    `script-src ${script.hash}`,
    `style-src ${style.hash}`,
    // The empty icon: without one, browsers ask for /favicon.ico.
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ')
  return { html, csp }
}
