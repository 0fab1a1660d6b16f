import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { creationFailures } from '../../functions/report-failure/creation-failures.ts'
import { explanations } from '../../functions/shared/explanations.ts'
import * as errors from '../../functions/shared/errors.ts'

const root = path.join(import.meta.dirname, '..', '..')
const runbook = readFileSync(path.join(root, 'docs', 'runbook.md'), 'utf8')
/** The text of each section, by its heading. */
const entries = new Map(
  runbook
    .split(/^### /m)
    .slice(1)
    .map((entry): [string, string] => {
      const end = entry.indexOf('\n')
      return [entry.slice(0, end), entry.slice(end).replace(/^## [^]*/m, '')]
    }),
)

type Alarm = { Type: string; Properties: { AlarmDescription: string } }
const { Resources } = parse(readFileSync(path.join(root, 'infra', 'alarms.yml'), 'utf8'), {
  customTags: ['!Ref', '!GetAtt'].map((tag) => ({ tag, resolve: (text: string) => text })),
}) as { Resources: Record<string, Alarm> }
const alarms = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm')
const headingOf = ([, { Properties }]: [string, Alarm]) =>
  /docs\/runbook\.md: "(.+)"$/.exec(Properties.AlarmDescription)?.[1] ?? ''

const names = new Set([
  ...Object.keys(errors),
  ...Object.keys(explanations),
  ...Object.keys(creationFailures),
  'CONTROL_TOWER_FAILED',
  'NO_REASON_GIVEN',
])

test('there are alarms and errors to compare the runbook with', () => {
  expect([alarms.length > 5, names.size > 40]).toEqual([true, true])
})

test.each(alarms)('the description of %s names its heading', (...alarm) => {
  expect([...entries.keys()]).toContain(headingOf(alarm))
})

test.each([...names])('%s has its entry', (name) => {
  expect([...entries.keys()]).toContain(name)
})

test('no heading appears twice, or has no alarm or error', () => {
  expect(runbook.match(/^### /gm)).toHaveLength(entries.size)
  const wanted = [...names, ...alarms.map(headingOf)]
  expect([...entries.keys()].filter((heading) => !wanted.includes(heading))).toEqual([])
})

test.each([...entries])('%s says what it means, what to look at and how to mend it', (_, entry) => {
  expect(entry).toMatch(/^\s*- \*\*Means:\*\* .{10}[^]*- \*\*Look at:\*\* .{5}[^]*- \*\*Do:\*\* .{5}/)
})

describe('the commands in it', () => {
  const help = (...args: string[]) =>
    execFileSync(process.execPath, [path.join(root, 'dist', 'vend.cjs'), ...args, '--help'], { encoding: 'utf8' })
  const commands = [...runbook.matchAll(/npx vend ([^`\n]+)/g)].map(([, words = '']) => words.trim().split(/\s+/))
  const known = new Set([...(help().split('Commands:')[1] ?? '').matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name))
  const helpOf = new Map([...known].map((name) => [name, help(name)]))

  test('there are some', () => {
    expect(known).toContain('replay')
    expect(commands.length).toBeGreaterThan(50)
  })

  test.each([...new Set(commands.map((words) => words.join(' ')))])('npx vend %s exists, with its options', (line) => {
    const [name = '', ...words] = line.replace(/^--local …$/, 'list --local').split(' ')
    expect([...known]).toContain(name)
    for (const word of words)
      if (word.startsWith('-')) expect(helpOf.get(name)).toMatch(new RegExp(`^ +(-\\w, )?${word}\\b`, 'm'))
    const needsAccount = / <(account|target)/.test(helpOf.get(name) ?? '')
    const names = (word: string) => /^(\d{12}|ARN|[^@\s]+@[^@\s]+)$/.test(word)
    expect(words.some(needsAccount ? names : (word) => /^\d{12}$/.test(word))).toBe(needsAccount)
  })
})
