/** An option of a program: its name, and whether a value follows the name. */
type Option = { name: string; hasValue: boolean }

/**
 * Explains that npm has kept options for itself, and how to write the command; undefined if npm kept none. Without a
 * `--` before them, npm reads options as its own: it warns, and gives the program only their values.
 */
export const keptByNpm = (command: string, options: Option[], argv = process.argv.slice(2), env = process.env) => {
  // A variable of this name can be set outside npm, too.
  if (!env['npm_lifecycle_event']) return undefined
  const values = argv.filter((word) => !word.startsWith('-'))
  const isGiven = (name: string) => argv.some((word) => word === `--${name}` || word.startsWith(`--${name}=`))
  const kept = options.flatMap(({ name, hasValue }) => {
    const given = env[`npm_config_${name}`]
    if (given === undefined || isGiven(name)) return []
    // npm separates the values of an option that is given several times by an empty line.
    return given.split('\n\n').map((value) => {
      if (!hasValue) return `--${name}`
      return `--${name} ${value === 'true' ? (values.shift() ?? name.toUpperCase()) : value}`
    })
  })
  return kept.length
    ? `npm keeps options for itself unless they follow --. Write: ${command} -- ${kept.join(' ')}`
    : undefined
}
