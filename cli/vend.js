#!/usr/bin/env node
// JavaScript: a Node that cannot read TypeScript shall say so in a sentence.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `vend needs Node 22.18 or newer, and this is ${process.versions.node}. Run it by npx vend in the project's folder, ` +
      'after npm ci: the project brings its own Node.\n',
  )
  process.exitCode = 2
} else await import('./commands.ts')
