import { expect, test } from 'vitest'
import { liveLine } from '../../cli/live-line.ts'

const written = (isTTY: boolean) => {
  let text = ''
  return { stream: { isTTY, columns: 20, write: (more: string) => void (text += more) }, text: () => text }
}

test('a terminal shows the last text only, cut to the width of the terminal, and no line is left behind', () => {
  const { stream, text } = written(true)
  const line = liveLine(stream)
  line.show('Sandbox: CreateAdminGroup')
  line.show('done')
  line.clear()
  expect(text()).toBe('\r\u001b[KSandbox: CreateAdmi\r\u001b[Kdone\r\u001b[K')
})

test('a file gets nothing', () => {
  const { stream, text } = written(false)
  const line = liveLine(stream)
  line.show('Sandbox: CreateAdminGroup')
  line.clear()
  expect(text()).toBe('')
})
