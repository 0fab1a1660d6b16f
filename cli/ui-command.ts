import { type Command, InvalidArgumentError } from 'commander'
import { UsageError } from './command-errors.ts'
import { type Global, settingOf } from './setting.ts'

type Shared = { note: (text: string) => void; out: (text: string) => void }

const port = (text: string) => {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new InvalidArgumentError('A port is a number from 1 to 65535.')
  return number
}

/** Adds the command that serves the console. */
export const addUiCommand = (program: Command, { note, out }: Shared) => {
  program
    .command('ui')
    .description('serve the console: a page of the accounts, requests and findings, for this computer only')
    .option('--port <PORT>', 'the port of the page on 127.0.0.1 (default: any free port)', port)
    .option('--operate', 'show buttons that start vends, redrive, mail new links, and approve requests')
    .addHelpText(
      'after',
      `
The page shows the deployed service with your own credentials. Without --operate, the page changes
nothing. Open the address that the command prints: the address contains a random token, and nothing
is answered without the token. The command runs until Ctrl-C.

Exit codes: 0 ended with Ctrl-C, 1 AWS refused, 2 a mistake in the command.`,
    )
    .action(async ({ port, operate: operates = false }: { port?: number; operate?: boolean }, command: Command) => {
      const { make, stage, vending, options } = settingOf(command.optsWithGlobals<Global>())
      const { serveUi } = await import('./ui.ts')
      const { findService, serviceClients } = await import('./service.ts')
      const [checked] = await Promise.all([vending(), findService(serviceClients(make), stage)])
      const server = await serveUi({ make, stage, vending: checked, options, operates }, port).catch(
        (error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
          throw new UsageError(
            `--port ${port}: another program uses this port. Name another port, or leave out --port.`,
          )
        },
      )
      out(server.url)
      note('Open this address in your browser. To end, press Ctrl-C.')
      process.once('SIGINT', server.close)
    })
}
