import path from 'node:path'
import type { Command } from 'commander'
import { UsageError } from './command-errors.ts'
import { questions } from './init-questions.ts'
import { fileOf, type Global, settingOf } from './setting.ts'
import { readNamedFile } from '../infra/build/named-file.ts'

type Shared = {
  answer: (json: boolean, data: unknown, text: () => string) => void
  note: (text: string) => void
  more: (text: string, before?: string[]) => string[]
}
type Options = Record<string, string[] | boolean | undefined> & {
  verifySender?: boolean
  yes?: boolean
  force?: boolean
}

const camelCase = (option: string) => option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

/** Adds the command that asks for the values of vending.yml and writes the file. */
export const addInitCommand = (program: Command, { answer, note, more }: Shared) => {
  const command = program
    .command('init')
    .description('ask what vending.yml needs, with what AWS says as suggestions, and write the file')
  for (const { option, form, what } of questions) command.option(`--${option} ${form}`, what, more)
  command
    .option('--verify-sender', 'have SES mail the sender a link that verifies the address, if SES has not verified it')
    .option('--yes', 'ask nothing: take every suggestion that no option replaces')
    .option('--force', 'change a file that has values of your own without asking')
    .addHelpText(
      'after',
      `
The command reads the management account and suggests an answer to each question. Nothing changes
before the last answer. The file keeps its comments and every key that is not asked for. If the file
has values of your own, they are the suggestions, and the command shows what would change and asks.

Without a terminal, or with --json, add --yes. A question without a suggestion then needs its
option.

Exit codes: 0 the file has your answers, 1 nothing was written, 2 a mistake in the command or no
answer to a question, 130 Ctrl-C (nothing was written).`,
    )
    .action(async ({ verifySender = false, yes = false, force = false, ...rest }: Options, command: Command) => {
      const options = command.optsWithGlobals<Global>()
      const { make, stage, json, options: same, vendingFile } = settingOf(options)
      const mayAsk = !yes && !json && process.stdin.isTTY && process.stderr.isTTY
      if (!yes && !mayAsk)
        throw new UsageError('There is no terminal to ask. Add --yes to take every suggestion that no option replaces.')
      process.once('SIGINT', () => {
        note('\nInterrupted. If the file was written, a line above says so.')
        // As a shell reports a program that Ctrl-C ended.
        process.exit(130)
      })
      const [{ asker }, { doctorClients }, { init }, { showInitialized }] = await Promise.all([
        import('./ask.ts'),
        import('./doctor-context.ts'),
        import('./init.ts'),
        import('./show-init.ts'),
      ])
      const example = path.join(import.meta.dirname, '..', 'vending.yml')
      const clients = doctorClients(make)
      const person = mayAsk ? asker() : undefined
      const given = questions.flatMap(({ key, option }) => {
        const texts = rest[camelCase(option)]
        return Array.isArray(texts) ? [[key, texts] as const] : []
      })
      try {
        const done = await init(clients, {
          file: vendingFile,
          example: () => readNamedFile(example, `The project’s vending.yml (${example})`),
          given: Object.fromEntries(given),
          verifySender,
          force,
          person,
          say: note,
        })
        const where = {
          stage,
          region: await clients.sts.config.region(),
          options: same,
          config: options.config && fileOf(options.config),
          isLocal: options.local !== undefined,
        }
        answer(json, done, () => showInitialized(done, where))
        process.exitCode = done.changed.length && !done.written ? 1 : 0
      } finally {
        person?.close()
      }
    })
}
