import type { Command } from 'commander'
import { type Global, settingOf } from './setting.ts'
import { width } from './show.ts'
import type { Status } from './status.ts'

type Shared = {
  /** Reads the argument. */
  accountId: (text: string) => string
  answer: (json: boolean, data: unknown, text: () => string) => void
  follow: (
    command: Command,
    asked: { accountId: string; executionArn?: string },
    whyFailed: (account: Status) => string | undefined,
  ) => Promise<void>
}

/** Adds the commands about sign-in links. */
export const addLinkCommands = (program: Command, { accountId, answer, follow }: Shared) => {
  program
    .command('link')
    .description('mail an administrator a new sign-in link with a new password; all earlier links stop working')
    .argument('<account>', 'ID of the account: 12 digits', accountId)
    .argument('<user>', 'an administrator that account vending has created in the account')
    .option('--wait', 'follow the vend until it ends')
    .addHelpText(
      'after',
      '\nA user who has signed in has chosen a password, and gets no new link.' +
        '\n\nExit codes: 0 started (with --wait: mailed), 1 not started (with --wait: not started, failed, or no\nnew link), 2 a mistake in the command, 130 Ctrl-C (the vend goes on).',
    )
    .action(async (accountId: string, userName: string, { wait }: { wait?: boolean }, command: Command) => {
      const { make, stage, json, options, vending } = settingOf(command.optsWithGlobals<Global>())
      const [{ start, startClients }, { whyNoLink }] = await Promise.all([import('./start.ts'), import('./links.ts')])
      const request = { accountId, renew: userName }
      const started = await start(startClients(make), { accountId, stage, request, vending: await vending() })
      if (wait)
        return follow(command, { accountId, executionArn: started.executionArn }, (ended) => whyNoLink(ended, userName))
      answer(
        json,
        started,
        () => `Started ${started.executionArn}\nFollow it: npx vend status ${accountId} --watch${options}`,
      )
    })

  program
    .command('links')
    .description('list the administrators who have not opened their sign-in link')
    .option('--all', 'list also the administrators who have opened their link')
    .addHelpText(
      'after',
      `
States of a link:
  sealing   mailed; the link does not work yet, because the vend has not finished
  open      the link can be opened until the time in the column "Open until"
  expired   nobody opened the link in time: npx vend link ACCOUNT USER mails a new link
  disowned  the link was opened, and somebody with the link said: That was not me
  claimed   the link was opened, and the page showed the password

A link can be opened once. For a link that was opened, the column "Open until" shows the time at
which the link was opened.

Exit codes: 0 listed, 1 AWS refused, 2 a mistake in the command.`,
    )
    .action(async ({ all = false }: { all?: boolean }, command: Command) => {
      const { make, stage, json } = settingOf(command.optsWithGlobals<Global>())
      const { isUnopened, links, linksClients, showLinks } = await import('./links.ts')
      const onRecord = await links(linksClients(make), { stage })
      const found = all ? onRecord : onRecord.filter(isUnopened)
      answer(json, found, () =>
        showLinks(found, { onRecord: onRecord.length }, process.stdout.isTTY ? width : Infinity),
      )
    })
}
