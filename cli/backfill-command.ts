import type { Command } from 'commander'
import { liveLine } from './live-line.ts'
import { type Global, settingOf } from './setting.ts'

type Shared = {
  answer: (json: boolean, data: unknown, text: () => string) => void
  out: (text: string) => void
  note: (text: string) => void
}

/** Adds the command that vends the old accounts of the organization. */
export const addBackfillCommand = (program: Command, { answer, out, note }: Shared) => {
  program
    .command('backfill')
    .description('show what a vend would create in each old account, and with --apply start these vends')
    .option('--ou <UNIT>', 'only accounts below this organizational unit: its ID, or its path like Workloads/Sandbox')
    .option('--apply', 'start the vends; without this option nothing is changed')
    .addHelpText(
      'after',
      `
"Old accounts" are the active accounts that joined before the service was installed, that
vending.yml does not protect, and that the service has not vended. A vend creates what vending.yml
says. The daily sweep vends newer accounts.

Each account is planned first, as npx vend plan does, and only a vend that would succeed is started.
The command works on 10 accounts at a time. Each second, it plans at most 5 accounts and starts at
most 2 vends, so that it uses at most half of the request rate that Organizations allows.

Run the command again to continue after Ctrl-C or a failure: nothing is started twice.

Exit codes: 0 every vend would succeed (with --apply: has succeeded), 1 some vends would not (with
--apply: have not), or the vend of an account on record has failed, 2 a mistake in the command,
130 Ctrl-C (the vends that were started go on).`,
    )
    .action(async ({ ou, apply = false }: { ou?: string; apply?: boolean }, command: Command) => {
      const { make, stage, json, options, vending } = settingOf(command.optsWithGlobals<Global>())
      const unit = ou === undefined || /^[\w/-]+$/.test(ou) ? ou : `'${ou.replaceAll("'", `'\\''`)}'`
      const again = `npx vend backfill${unit === undefined ? '' : ` --ou ${unit}`}${apply ? ' --apply' : ''}${options}`
      process.once('SIGINT', () => {
        note(
          apply
            ? `\nThe vends that were started go on. Continue with the others:\n  ${again}`
            : '\nNothing was changed.',
        )
        // As a shell reports a program that Ctrl-C ended.
        process.exit(130)
      })
      const [{ backfill }, { planClients }, { isIncomplete, showBackfill, showBackfilled }] = await Promise.all([
        import('./backfill.ts'),
        import('./plan.ts'),
        import('./show-backfill.ts'),
      ])
      const line = liveLine()
      const done = await backfill(
        planClients(make),
        { stage, vending: await vending(), ou, apply },
        {
          onRead: (count) => line.show(`${count} accounts read …`),
          onAccount: (account, count, of) => {
            line.clear()
            if (!json) out(showBackfilled(account))
            line.show(`${count} of ${of} accounts …`)
          },
        },
      ).finally(line.clear)
      answer(json, done, () => showBackfill(done, { apply, again, options }))
      process.exitCode = isIncomplete(done) ? 1 : 0
    })
}
