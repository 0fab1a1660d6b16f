import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.join(import.meta.dirname, '..', '..')
const read = (...names: string[]) => readFileSync(path.join(root, ...names), 'utf8')
const architecture = read('docs', 'architecture.md')
const prefixesIn = (text: string) => [...new Set(text.match(/\b[a-z-]+#/g))].sort()

test('docs/architecture.md describes every shared file, and no other file', () => {
  const table = architecture.split('### The shared files')[1]?.split('\n## ')[0] ?? ''
  const described = [...table.matchAll(/^\| `(.+?)`/gm)].map(([, name]) => name)
  expect(described.sort()).toEqual(readdirSync(path.join(root, 'functions', 'shared')).sort())
})

test('docs/architecture.md names every key prefix of the ledger that a role allows', () => {
  const ledger = /^\| \*\*ledger\*\*.*$/m.exec(architecture)?.[0] ?? ''
  const allowed = [...read('infra', 'function-roles.yml').matchAll(/dynamodb:LeadingKeys: (.*)/g)].join('\n')
  expect(prefixesIn(ledger)).toEqual(prefixesIn(allowed))
})
