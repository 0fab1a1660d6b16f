import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Starts the Chromium of this machine, or the one that CHROMIUM_PATH names. */
export const startChromium = (): Promise<Browser> => {
  const executablePath = process.env['CHROMIUM_PATH'] ?? places.find((place) => existsSync(place))
  if (!executablePath || !existsSync(executablePath))
    throw new Error(
      'The tests of the page need Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM_PATH',
    )
  return chromium.launch({
    executablePath,
    // The last: it asks its maker's servers at every start.
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
}
