import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { asker } from '../../cli/ask.ts'

/** A person who types the answers, each after its question, and ends the input at a further question. */
const personWho = (...answers: string[]) => {
  const [input, output] = [new PassThrough(), new PassThrough()]
  output.on('data', (chunk: Buffer) => {
    if (!String(chunk).includes('?')) return
    const answer = answers.shift()
    if (answer === undefined) input.end()
    else input.write(`${answer}\n`)
  })
  return { person: asker({ input, output }), input }
}

test.each([
  ['y', true],
  ['YES', true],
  [' yes ', true],
  ['', false],
  ['no', false],
  ['yesterday', false],
])('the answer %j confirms: %s', async (answer, confirmed) => {
  expect(await personWho(answer).person.confirm('Remove this?')).toBe(confirmed)
})

test('the end of the input interrupts every question, and is not an answer', async () => {
  const { person } = personWho('ada')
  expect(await person.question('Who? ')).toBe('ada')
  for (const question of [person.question, person.confirm])
    await expect(question('And who else?')).rejects.toMatchObject({
      name: 'InterruptedError',
      message: 'Nothing was changed.',
    })
})

test('an interruption after the last answer counts, too', async () => {
  const { person, input } = personWho('ada')
  await person.question('Who? ')
  const ended = once(input, 'end')
  input.end()
  await ended
  expect(() => person.end()).toThrow('Nothing was changed.')
  const other = personWho()
  expect(() => other.person.end()).not.toThrow()
})
