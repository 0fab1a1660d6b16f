import type { Command } from 'commander'
import { UsageError } from './command-errors.ts'
import { fileOf, type Global, settingOf } from './setting.ts'
import { width } from './show.ts'

type Shared = { answer: (json: boolean, data: unknown, text: () => string) => void }
type Asked = { ou?: string; csv?: string; force?: boolean }

/** Adds the command that lists what the daily round found. */
export const addDriftCommand = (program: Command, { answer }: Shared) => {
  program
    .command('drift')
    .description('list the open findings of the daily round, the most serious first')
    .option('--ou <UNIT>', 'only accounts in this unit and the units in it: an id, or a path like Workloads/Sandbox')
    .option('--csv <FILE>', 'write a CSV file, or - for stdout')
    .option('--force', 'replace an existing file')
    .addHelpText(
      'after',
      `
The command shows what the last round found in each account, and does not look again. docs/round.md
says what each finding means, and what to do.

Exit codes: 0 nothing was found, 1 there are findings, or AWS refused, 2 a mistake in the command.`,
    )
    .action(async ({ ou, csv, force = false }: Asked, command: Command) => {
      const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
      if (json && csv === '-') throw new UsageError('Choose one of --json and --csv -.')
      const { counted, drift, driftClients, driftFile, showDrift } = await import('./drift.ts')
      const found = await drift(driftClients(make), { stage, ou })
      process.exitCode = found.findings.length ? 1 : 0
      if (csv === '-') return void process.stdout.write(driftFile(found))
      const shown = { most: process.stdout.isTTY ? width : Infinity, isPart: ou !== undefined, options }
      if (csv === undefined) return answer(json, found, () => showDrift(found, shown))
      const file = fileOf(csv)
      const { writePrivately } = await import('./write-privately.ts')
      writePrivately(file, driftFile(found), { force, option: '--csv' })
      answer(
        json,
        { file, findings: found.findings.length },
        () => `Written: ${file} (${counted(found.findings.length, 'finding')})`,
      )
    })
}
