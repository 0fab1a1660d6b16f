import type { Command } from 'commander'
import { UsageError } from './command-errors.ts'
import { type Global, settingOf } from './setting.ts'

type Shared = {
  answer: (json: boolean, data: unknown, text: () => string) => void
  note: (text: string) => void
}

/** Adds the command that compares what is deployed with the sources. */
export const addVerifyCommand = (program: Command, { answer, note }: Shared) => {
  program
    .command('verify')
    .description(
      'build this commit with your vending.yml, and compare the result with the deployed functions and template',
    )
    .addHelpText(
      'after',
      `
The command builds the service from its sources, which takes about 15 seconds, and changes nothing.
Run it in a clone of the project, at the commit that was deployed and after npm ci, with the
vending.yml that was deployed.

Exit codes: 0 nothing differs, 1 something differs, or AWS refused a call, 2 a mistake in the
command.`,
    )
    .action(async (_, command: Command) => {
      const asked = command.optsWithGlobals<Global>()
      if (asked.local !== undefined)
        throw new UsageError(
          'The local organization runs the functions from the sources, so there is nothing to verify. Leave out --local.',
        )
      const { make, stage, json, vending, vendingFile } = settingOf(asked)
      await vending()
      // The copy in which the service is built is removed when the command exits.
      process.once('SIGINT', () => process.exit(130))
      const [{ verify, verifyClients }, { commitOf, rebuild }, { findService }, { showVerified }] = await Promise.all([
        import('./verify.ts'),
        import('./rebuild.ts'),
        import('./service.ts'),
        import('./show-verified.ts'),
      ])
      const clients = verifyClients(make)
      await findService(clients, stage)
      note('Building the service from its sources …')
      const region = await clients.lambda.config.region()
      const [folder, commit] = await Promise.all([rebuild({ stage, region, vendingFile }), commitOf()])
      const verified = { ...(await verify(clients, { stage, folder })), ...(commit && { commit }) }
      answer(json, verified, () => showVerified(verified, { stage, region }))
      process.exitCode = verified.isSame ? 0 : 1
    })
}
