import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { requestOf } from '../../cli/request-options.ts'
import { readInput } from '../../local/input.ts'
import { accountId } from '../support/builders.ts'
import { temporaryFolder } from '../support/folder.ts'

const folder = temporaryFolder()
const text = `\ufeff${JSON.stringify({ accountId })}\n`

test('the command reads a file that begins with a byte order mark', () => {
  const file = path.join(folder, 'request.json')
  writeFileSync(file, text)
  expect(requestOf(accountId, { file })).toEqual({ accountId })
})

test('the local organization reads each kind of input that begins with a byte order mark', () => {
  expect(readInput(text)).toEqual({ door: 'manual', input: text.slice(1) })
  expect(readInput('\ufeff{"source":"a"}')).toEqual({ door: 'event', event: { source: 'a' } })
  expect(readInput('\ufeff{"method":"get","path":"/"}')).toMatchObject({ door: 'api' })
})
