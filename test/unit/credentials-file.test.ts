import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { credentialsFile } from '../../functions/shared/credentials-file.ts'

test('is the file that the IAM console makes', () => {
  expect(credentialsFile([{ userName: 'ada', password: 'a,"b"', signInUrl: 'https://example.com/console' }])).toBe(
    'User name,Password,Console sign-in URL\r\nada,"a,""b""",https://example.com/console\r\n',
  )
})

test('has no cell that a spreadsheet calculates', () => {
  const [, line] = credentialsFile([{ userName: '=1+1', password: 'x', signInUrl: '@y' }]).split('\r\n')
  expect(line).toBe("'=1+1,x,'@y")
})

test('has the bytes that csv-stringify writes', () => {
  // csv-stringify does not quote a lone CR or LF, so only both together are compared.
  const text = fc.stringMatching(/^[=+\-@＝＋－＠\t]?([a-c", ']|\r\n){0,6}$/)
  fc.assert(
    fc.property(fc.array(fc.record({ userName: text, password: text, signInUrl: text })), (users) => {
      const columns = ['User name', 'Password', 'Console sign-in URL']
      const rows = users.map(({ userName, password, signInUrl }) => [userName, password, signInUrl])
      expect(credentialsFile(users)).toBe(
        stringify(rows, { header: true, columns, record_delimiter: '\r\n', escape_formulas: true }),
      )
    }),
    { numRuns: 2000 },
  )
})
