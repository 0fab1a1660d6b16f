import type { Command } from 'commander'
import { UsageError } from './command-errors.ts'
import { fileOf, type Global, settingOf } from './setting.ts'
import { wrap } from './show.ts'

type Shared = {
  accountId: (text: string) => string
  answer: (json: boolean, data: unknown, text: () => string) => void
  note: (text: string) => void
}

/** Adds the command that writes the credentials file. */
export const addCsvCommand = (program: Command, { accountId, answer, note }: Shared) => {
  program
    .command('csv')
    .description('write the credentials file of the IAM console: user name, password, sign-in URL')
    .argument('<account>', 'ID of the account: 12 digits', accountId)
    .argument('[user]', 'only this user; requires only the permissions secretsmanager:GetSecretValue and kms:Decrypt')
    .option(
      '--output <FILE>',
      'the file to write; - means stdout, if stdout is not a terminal (default: ACCOUNT_credentials.csv)',
    )
    .option('--stdout', 'print the file, even on a terminal')
    .option('--force', 'replace an existing file')
    .addHelpText(
      'after',
      '\nOnly you can read the file (mode 600). Delete the file when you have handed over the password.' +
        '\n\nExit codes: 0 written, 1 not written, or some users are missing, 2 a mistake in the command.',
    )
    .action(
      async (
        accountId: string,
        userName: string | undefined,
        { output, stdout, force }: { output?: string; stdout?: boolean; force?: boolean },
        command: Command,
      ) => {
        const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
        const toStdout = stdout === true || output === '-'
        if (stdout && output !== undefined && output !== '-')
          throw new UsageError('Choose one of --stdout and --output.')
        if (toStdout && json) throw new UsageError('--json never contains a password: leave out --json or --stdout.')
        if (toStdout && !stdout && process.stdout.isTTY)
          throw new UsageError(
            'The passwords would stay visible in the terminal. Name a file with --output, or print the passwords anyway with --stdout.',
          )
        const file = fileOf(output ?? `${accountId}_credentials.csv`)
        const [{ csv, csvClients }, { writePrivately }] = await Promise.all([
          import('./csv.ts'),
          import('./write-privately.ts'),
        ])
        const { text, userNames, missing } = await csv(csvClients(make), { accountId, userName, stage, options })
        if (toStdout) process.stdout.write(text)
        else {
          writePrivately(file, text, { force: force === true, option: '--output' })
          answer(
            json,
            { accountId, file, userNames, missing },
            () =>
              `Written for ${userNames.join(', ')}: ${file}\nDelete the file when you have handed over the password.`,
          )
        }
        const quoted = userNames.filter((name) => /^[=+@-]/.test(name))
        if (quoted.length)
          note(
            wrap(
              `In the file, an apostrophe precedes ${quoted.join(', ')}, because a spreadsheet would read the name as a formula. ` +
                'The apostrophe is not part of the name.',
            ),
          )
        for (const { reason } of missing) note(wrap(reason))
        process.exitCode = missing.length ? 1 : 0
      },
    )
}
