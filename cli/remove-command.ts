import type { Command } from 'commander'
import { parseInput } from '../functions/shared/parse.ts'
import { removalRequest } from '../functions/shared/removal.ts'
import { type Global, settingOf } from './setting.ts'

type Shared = {
  /** Reads the argument. */
  accountId: (text: string) => string
  answer: (json: boolean, data: unknown, text: () => string) => void
  out: (text: string) => void
  note: (text: string) => void
  follow: (command: Command, asked: { accountId: string; executionArn?: string }) => Promise<void>
}
type Options = { signIn?: boolean; unclaimed?: boolean; lastWayIn?: boolean; yes?: boolean; wait?: boolean }

/** Adds the command that takes administrators out of an account. */
export const addRemoveCommand = (program: Command, { accountId, answer, out, note, follow }: Shared) => {
  program
    .command('remove')
    .description('remove what account vending has created in an account; show it first and ask for confirmation')
    .argument('<account>', 'ID of the account: 12 digits', accountId)
    .argument('[user]', 'only this user; the groups stay')
    .option('--sign-in', 'remove only the console sign-in and the secret; the users and groups stay')
    .option('--unclaimed', 'with --sign-in: skip the users who have signed in')
    .option('--last-way-in', 'remove even if nobody can sign in to the console with a password afterwards')
    .option('--yes', 'remove without asking')
    .option('--wait', 'follow the removal until it ends')
    .addHelpText(
      'after',
      `
The command reads the account in a read-only session and shows what is removed and what stays. What
account vending has not created stays. Secrets can be restored for 7 days. Without a terminal, or
with --json, the command removes nothing unless you add --yes.

A removal begins at the earliest 90 seconds after the account was last changed, because AWS shows
changes with a delay.

Exit codes: 0 started (with --wait: removed), or nothing to remove; 1 not started (with --wait: not
started, or failed), 2 a mistake in the command, 130 Ctrl-C (the removal goes on).`,
    )
    .action(async (accountId: string, userName: string | undefined, options: Options, command: Command) => {
      const { signIn = false, unclaimed, lastWayIn, yes = false, wait } = options
      const { make, stage, json, options: same, vending } = settingOf(command.optsWithGlobals<Global>())
      const { remove } = parseInput(removalRequest, {
        accountId,
        remove: {
          what: signIn ? 'sign-in' : 'everything',
          ...(userName !== undefined && { userName }),
          ...(unclaimed && { unclaimed }),
          ...(lastWayIn && { lastWayIn }),
        },
      })
      const [{ confirm }, { previewRemoval, removeClients, showPreview, startRemoval }] = await Promise.all([
        import('./ask.ts'),
        import('./remove.ts'),
      ])
      const clients = removeClients(make)
      const preview = await previewRemoval(clients, { accountId, remove, stage, vending: await vending() })
      if (!json) out(showPreview(preview))
      const nothing = (why: string, code: number) => {
        if (json) answer(json, preview, () => '')
        if (why) note(why)
        process.exitCode = code
      }
      if (preview.outcome !== 'Removing') return nothing('', 0)
      if (preview.lastWayIn.length && !lastWayIn)
        return nothing('Nothing was removed. To remove anyway, add --last-way-in.', 1)
      const mayAsk = !json && process.stdin.isTTY && process.stderr.isTTY
      if (!yes && !mayAsk) return nothing('Nothing was removed. To remove, add --yes.', 1)
      if (!yes && !(await confirm(`\nRemove this from account ${accountId}?`)))
        return nothing('Nothing was removed.', 1)
      const started = await startRemoval(clients, { accountId, remove, stage })
      if (wait) return follow(command, { accountId, executionArn: started.executionArn })
      answer(
        json,
        started,
        () => `\nStarted ${started.executionArn}\nFollow it: npx vend status ${accountId} --watch${same}`,
      )
    })
}
