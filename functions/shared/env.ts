/**
 * Reads the named environment variables once, at start.
 * A missing variable then fails the first invocation after a deployment, and not the tenth account.
 */
export const readEnv = <Name extends string>(...names: Name[]): Record<Name, string> =>
  Object.fromEntries(
    names.map((name) => {
      const value = process.env[name]
      if (!value) throw new Error(`The environment variable ${name} is not set`)
      return [name, value]
    }),
  ) as Record<Name, string>
