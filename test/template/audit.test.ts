import { execFile } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

// Runs npm audit on the deployed packages.

type Audit = { vulnerabilities?: Record<string, { severity: string }>; message?: string }

/** Asks the registry for known vulnerabilities of the packages in the bundles. */
const audit = async (...options: string[]) => {
  const cwd = path.join(import.meta.dirname, '../..')
  const { stdout } = await promisify(execFile)('npm', ['audit', '--omit=dev', '--json', ...options], { cwd }).catch(
    // npm audit exits with 1 if it found vulnerabilities, and also if the registry did not answer.
    (failure: { stdout: string }) => failure,
  )
  return JSON.parse(stdout) as Audit
}

test('npm audit knows of no vulnerability in the deployed packages', async (context) => {
  const { vulnerabilities, message } = await audit()
  if (!vulnerabilities) {
    console.warn(`Not asked: the registry does not answer npm audit (${message})`)
    return context.skip()
  }
  expect(vulnerabilities).toEqual({})
})

test('npm audit reports a vulnerability in a deployed package, and none in a package that only the build needs', async () => {
  const weak = { severity: 'high', title: 'A weakness', url: 'https://example.com', vulnerable_versions: '*' }
  const registry = http.createServer((request, response) => {
    request.resume().on('end', () => {
      const isAsked = request.url?.endsWith('/bulk')
      response
        .writeHead(isAsked ? 200 : 404, { 'content-type': 'application/json' })
        .end(JSON.stringify(isAsked ? { zod: [{ id: 1, ...weak }], eslint: [{ id: 2, ...weak }] } : {}))
    })
  })
  await once(registry.listen(0, '127.0.0.1'), 'listening')
  const { port } = registry.address() as AddressInfo
  const { vulnerabilities } = await audit('--registry', `http://127.0.0.1:${port}`)
  expect(vulnerabilities).toMatchObject({ zod: { severity: 'high' } })
  expect(Object.keys(vulnerabilities ?? {})).toEqual(['zod'])
  registry.close()
})
