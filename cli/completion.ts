import type { Command } from 'commander'

export const completionDescription =
  'print a script that completes commands and options in zsh, bash, fish or powershell'

/** Adds the command that prints the completion scripts, and the command that these scripts call. */
export const addCompletion = async (program: Command) => {
  const { default: addTo } = await import('@bomb.sh/tab/commander')
  addTo(program, { completionCommandName: 'completion' })
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description(completionDescription)
    .addHelpText(
      'after',
      `
Load the script when your shell starts. First run npm install --global . so that vend is on the PATH.
  bash        in ~/.bashrc: source <(vend completion bash)
              (needs the package bash-completion)
  zsh         in ~/.zshrc, after compinit: source <(vend completion zsh)
  fish        in ~/.config/fish/config.fish: vend completion fish | source
  powershell  in $PROFILE: vend completion powershell | Out-String | Invoke-Expression`,
    )
}
