import { createInterface } from 'node:readline/promises'
import { InterruptedError } from './command-errors.ts'

/** Where a person answers, and where the questions are shown. Answers on stdout stay for programs. */
export type Terminal = { input: NodeJS.ReadableStream; output: NodeJS.WritableStream }
const ours: Terminal = { input: process.stdin, output: process.stderr }

/**
 * Asks a person at the terminal, one line at a time. Whoever asks must `close` the terminal afterwards.
 * Throws `InterruptedError`.
 */
export const asker = ({ input, output }: Terminal = ours) => {
  const terminal = createInterface({ input, output })
  let isClosed = false
  const closed = new Promise<never>((_, reject) => {
    // Without a listener, readline rejects a question in some versions of Node, and never answers it in others.
    terminal.once('SIGINT', () => terminal.close())
    terminal.once('close', () => {
      isClosed = true
      reject(new Error('The input has ended'))
    })
  })
  closed.catch(() => undefined)
  const interrupt = (cause?: unknown) => {
    output.write('\n')
    return new InterruptedError('Nothing was changed.', { cause })
  }
  const question = async (text: string) => {
    try {
      return (await Promise.race([terminal.question(text), closed])).trim()
    } catch (cause) {
      throw interrupt(cause)
    }
  }
  return {
    question,
    /** Only y or yes means yes. */
    confirm: async (text: string) => /^y(es)?$/i.test(await question(`${text} [y/N] `)),
    show: (text: string) => void output.write(`${text}\n`),
    /** Ends the questions. Throws `InterruptedError` if the person pressed Ctrl-C after the last answer. */
    end: () => {
      if (isClosed) throw interrupt()
      terminal.close()
    },
    close: () => terminal.close(),
  }
}
export type Asker = ReturnType<typeof asker>

/** Asks one question. Only y or yes means yes. */
export const confirm = async (text: string) => {
  const person = asker()
  try {
    return await person.confirm(text)
  } finally {
    person.close()
  }
}
