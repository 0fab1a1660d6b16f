import type { Command } from 'commander'
import { liveLine } from './live-line.ts'
import { type Global, settingOf } from './setting.ts'

type Shared = {
  answer: (json: boolean, data: unknown, text: () => string) => void
  note: (text: string) => void
}

/** Follows a round until it ends, and shows what it found. */
export const followRoundIn = async (command: Command, executionArn: string, { answer, note }: Shared) => {
  const { make, json, options } = settingOf(command.optsWithGlobals<Global>())
  const { followRound, roundClients, showRound } = await import('./round.ts')
  process.once('SIGINT', () => {
    note(`\nThe round goes on. Follow it:\n  npx vend round --wait${options}`)
    process.exit(130)
  })
  const line = liveLine()
  const ended = await followRound(roundClients(make), { executionArn, options }, (seconds) => {
    line.show(`The round has run for ${seconds} seconds …`)
  }).finally(line.clear)
  answer(json, ended, () => showRound(ended, options))
}

/** Adds the command that starts a daily round. */
export const addRoundCommand = (program: Command, { answer, note }: Shared) => {
  program
    .command('round')
    .description('start the daily round now: look into the accounts, follow up, and report new findings')
    .option('--wait', 'follow the round until it ends')
    .addHelpText(
      'after',
      `
The round compares the accounts that the key "round" in vending.yml selects. The comparison only
reads the accounts. Then the round follows up, as the scheduled round does: it reminds
administrators who have not signed in, and starts the executions that mail a new link or remove a
console sign-in. Nothing is done twice. If a round is already running, no second round is started.

Exit codes: 0 started (with --wait: finished), 1 not started (with --wait: not started, or failed),
2 a mistake in the command, 130 Ctrl-C (the round goes on).`,
    )
    .action(async ({ wait }: { wait?: boolean }, command: Command) => {
      const { make, stage, json, options } = settingOf(command.optsWithGlobals<Global>())
      const { round, roundClients } = await import('./round.ts')
      const started = await round(roundClients(make), { stage })
      if (wait) {
        if (!started.isNew) note(`A round is already running: ${started.executionArn}`)
        return followRoundIn(command, started.executionArn, { answer, note })
      }
      answer(
        json,
        started,
        () =>
          `${started.isNew ? 'Started' : 'A round is already running:'} ${started.executionArn}\n` +
          `Follow the round (if the round has ended, this command starts another round): npx vend round --wait${options}`,
      )
    })
}
