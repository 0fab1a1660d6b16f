import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Page, Request } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { violations } from '../support/axe.ts'
import { startChromium } from '../support/chromium.ts'
import { type LinkServer, startLinkServer, type TestLink } from '../support/link-server.ts'
import { exampleVending } from '../support/organization.ts'

// Tests the page of a link in a real browser.

const vending = loadVending(exampleVending)
let server: LinkServer
let browser: Browser
let page: Page

beforeAll(async () => {
  browser = await startChromium()
  server = await startLinkServer(exampleVending)
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

const problems: string[] = []
const requests: Request[] = []
const posts = () => requests.filter((request) => request.method() !== 'GET')
const bodies = () => posts().map((request) => request.postDataJSON() as Record<string, string>)

/** Makes a browser in which nobody was before. */
const newVisitor = async (options: BrowserContextOptions = {}) => {
  const context = await browser.newContext({
    viewport: { width: 1024, height: 800 },
    timezoneId: 'Europe/Zurich',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  // Chromium reports answers like 403 and lost answers here, which these tests want.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text())
  })
  page.on('request', (request) => requests.push(request))
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', (event) =>
      console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`),
    ),
  )
}
const visit = async (url: string, options: BrowserContextOptions = {}) => {
  await newVisitor(options)
  await page.goto(url)
}
/** The same, in virtual time. */
const visitWithClock = async (url: string) => {
  await newVisitor()
  await page.clock.install()
  await page.goto(url)
}
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
  expect(problems.splice(0)).toEqual([])
  const asked = requests.splice(0).map((request) => request.url())
  expect(asked.filter((url) => !url.startsWith(server.url) && !url.startsWith('blob:') && url !== 'data:,')).toEqual([])
})

const field = () => page.getByLabel('Last four digits')
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
const claim = async (digits = '3333') => {
  await field().fill(digits)
  await press('Show my password')
}
const heading = (name: string) => page.getByRole('heading', { name, level: 2 })
const isShown = () => heading('You can sign in now').waitFor()
const said = () => page.getByRole('status').filter({ hasText: /./ }).innerText()
const text = () => page.locator('body').innerText()
const focused = () => page.evaluate(() => document.activeElement?.textContent.trim())
/** Lets virtual time pass until something is so. */
const passTime = async (isSo: () => Promise<boolean> | boolean) => {
  for (let second = 0; second < 300 && !(await isSo()); second++) {
    await page.clock.runFor(1000)
    // A request needs real time.
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(await isSo()).toBe(true)
}
const isVisible = (words: string | RegExp) => () => page.getByText(words).first().isVisible()

describe('a person who opens the link', () => {
  test('types four digits and gets the password, masked at first', async () => {
    const link = await server.makeLink()
    const { password, userName, signInUrl, accountName, accountId } = link.handover
    await visit(link.url)
    expect(await text()).toContain(vending.organizationName)
    expect(await text()).toContain(`ask ${vending.contact}`)
    await claim()
    await isShown()
    expect(await focused()).toBe('You can sign in now')
    expect(await page.content()).not.toContain(password)
    for (const shown of [userName, accountName, accountId]) expect(await text()).toContain(shown)
    const signIn = page.getByRole('link', { name: signInUrl })
    expect(await signIn.getAttribute('href')).toBe(signInUrl)
    expect(await signIn.getAttribute('rel')).toBe('noopener noreferrer')

    await press('Show the password')
    expect(await page.locator('#password').innerText()).toBe(password)
    await press('Hide the password')
    expect(await page.content()).not.toContain(password)

    await press('Copy the password')
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(password)
    expect(await said()).toBe('The password is copied.')
    await press('Copy the user name')
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(userName)
    expect(await text()).toContain('AWS asks you to choose a new password')
    expect(await text()).toMatch(/Security credentials.*Assign MFA device/s)
    expect(await text()).toContain('aws login')
    expect(posts()).toHaveLength(1)
  })

  test('reads of a new password at the first sign-in only if AWS asks for one', async () => {
    const link = await server.makeLink({ handover: { mustChangePassword: false } })
    await visit(link.url)
    await claim()
    await isShown()
    expect(await text()).not.toContain('choose a new password')
  })

  test.each(['3333', ' 3333 ', '111122223333', '1111-2222-3333'])('may type the number as %j', async (digits) => {
    const link = await server.makeLink()
    await visit(link.url)
    await claim(digits)
    await isShown()
    expect(bodies().map((body) => body['digits'])).toEqual(['3333'])
  })

  test.each(['', '333', '33333', 'abcd', '33 33 3', '3'.repeat(13)])('is asked again for %j', async (digits) => {
    const link = await server.makeLink()
    await visit(link.url)
    await claim(digits)
    expect(await said()).toBe('Type the last four digits of the account’s number.')
    expect(await field().getAttribute('aria-invalid')).toBe('true')
    expect(posts()).toEqual([])
  })

  test('cannot send the same request twice by pressing twice', async () => {
    const link = await server.makeLink()
    await visit(link.url)
    await field().fill('3333')
    await page.getByRole('button', { name: 'Show my password' }).dblclick()
    await isShown()
    expect(posts()).toHaveLength(1)
  })

  test('is asked before the page closes with a password that was never looked at', async () => {
    const link = await server.makeLink()
    await visit(link.url)
    await claim()
    await isShown()
    const asked: string[] = []
    page.on('dialog', (dialog) => {
      asked.push(dialog.type())
      void dialog.dismiss()
    })
    await page.close({ runBeforeUnload: true })
    await expect.poll(() => asked).toEqual(['beforeunload'])
    await press('Show the password')
    await page.reload()
    expect(asked).toHaveLength(1)
    await field()
      .waitFor({ state: 'detached' })
      .catch(() => undefined)
    await heading('Paste your link').waitFor()
  })

  test('keeps the password if another link is opened in the same tab', async () => {
    const [link, other] = [await server.makeLink(), await server.makeLink()]
    await visit(link.url)
    await claim()
    await isShown()
    await page.evaluate((url) => (location.href = url), other.url)
    await expect.poll(said).toContain('To open another link, use a new tab')
    expect(page.url()).toBe(server.url)
    await press('Show the password')
    expect(await page.locator('#password').innerText()).toBe(link.handover.password)
  })

  test('can open another link in the same tab before', async () => {
    const [link, other] = [await server.makeLink(), await server.makeLink({ handover: { userName: 'grace' } })]
    await visit(link.url)
    await page.evaluate((url) => (location.href = url), other.url)
    await claim()
    await isShown()
    expect(await page.locator('#user-name').innerText()).toBe('grace')
    expect(await link.isClaimed()).toBe(false)
  })

  test('is told to copy by hand if the browser forbids the page to copy', async () => {
    const link = await server.makeLink()
    await visit(link.url, { permissions: [] })
    await page.evaluate(() => (navigator.clipboard.writeText = () => Promise.reject(new Error('forbidden'))))
    await claim()
    await isShown()
    await press('Copy the password')
    expect(await said()).toContain('Select the password, and copy it yourself')
  })
})

describe('the key', () => {
  test('leaves the address bar and the history at once, and is kept nowhere', async () => {
    const link = await server.makeLink()
    await visit('about:blank')
    await page.goto(link.url)
    await field().waitFor()
    expect(page.url()).toBe(server.url)
    const kept = () =>
      page.evaluate(async () => ({
        navigation: (globalThis as unknown as { navigation: { entries: () => { url: string }[] } }).navigation
          .entries()
          .map(({ url }) => url)
          .join(),
        state: JSON.stringify(history.state),
        stores: [localStorage.length, sessionStorage.length, document.cookie.length],
        databases: (await indexedDB.databases()).length,
        caches: (await caches.keys()).length,
        workers: (await navigator.serviceWorker.getRegistrations()).length,
        markup: document.documentElement.outerHTML,
      }))
    const check = async () => {
      const all = await kept()
      expect(all).toMatchObject({ stores: [0, 0, 0], databases: 0, caches: 0, workers: 0 })
      for (const secret of [link.code, link.handover.password]) expect(JSON.stringify(all)).not.toContain(secret)
      expect(await page.context().cookies()).toEqual([])
      expect(JSON.stringify(await page.context().storageState({ indexedDB: true }))).not.toContain(link.code)
    }
    await check()
    await claim()
    await isShown()
    await check()
    await page.goBack()
    expect(page.url()).toBe('about:blank')
    await page.goForward()
    expect(page.url()).toBe(server.url)
    expect(await page.content()).not.toContain(link.code)
  })

  test('is in no request, and neither is the password', async () => {
    const link = await server.makeLink()
    await visit(link.url)
    await claim('0000')
    await expect.poll(said).toContain('not the last four digits')
    await claim()
    await isShown()
    expect(posts()).toHaveLength(2)
    for (const request of requests) {
      // Playwright shows the fragment, which the browser does not send.
      const sent = [request.url().split('#')[0], JSON.stringify(await request.allHeaders()), request.postData()].join()
      expect(sent).not.toContain(link.code)
      expect(sent).not.toContain(link.handover.password)
      expect((await request.allHeaders())['referer']).toBeUndefined()
    }
  })
})

describe('a program that follows links spends none:', () => {
  let link: TestLink
  const isUnspent = async () => {
    expect(posts().map((request) => request.url())).toEqual([])
    expect(await link.isClaimed()).toBe(false)
    await visit(link.url)
    await claim()
    await isShown()
  }

  test.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('%s', async (method) => {
    link = await server.makeLink()
    for (const path of ['', '/claim', '/disown']) {
      const url = link.url.replace('#', `${path}#`)
      const answer = await fetch(url, { method })
      expect(answer.status).toBe(path === '' && ['GET', 'HEAD'].includes(method) ? 200 : 404)
      expect(await answer.text()).not.toContain(link.code)
    }
    await isUnspent()
  })

  test('scripts run, and 60 seconds pass', async () => {
    link = await server.makeLink()
    await visitWithClock(link.url)
    await page.clock.runFor(60_000)
    await page.mouse.move(200, 200)
    await page.mouse.wheel(0, 500)
    await page.clock.runFor(60_000)
    await isUnspent()
  })

  test('everything is clicked, every key is pressed and every form is sent, and nothing is typed', async () => {
    link = await server.makeLink()
    await visit(link.url)
    await field().waitFor()
    for (const one of await page.locator('body *').all()) if (await one.isVisible()) await one.click({ force: true })
    for (const key of ['Tab', 'Enter', ' ']) {
      await field().focus()
      await page.keyboard.press(key)
    }
    await page.evaluate(() => {
      for (const button of [...document.querySelectorAll('button')].reverse()) button.click()
      for (const form of document.forms) form.requestSubmit()
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    await isUnspent()
  })
})

describe('a lost answer loses nothing:', () => {
  test('the page asks again with the same nonce, and another visitor gets no password', async () => {
    const link = await server.makeLink()
    await newVisitor()
    let lost = 0
    await page.route('**/link/claim', async (route) => {
      if (lost++) return route.fallback()
      await route.fetch()
      await route.abort()
    })
    await page.goto(link.url)
    await claim()
    await isShown()
    const [first, second] = bodies()
    expect(bodies()).toHaveLength(2)
    expect(second).toEqual(first)
    expect(first?.['nonce']).toMatch(/^[\w-]{22}$/)
    await visit(link.url)
    await claim()
    await heading('This password was shown already').waitFor()
    expect(bodies().at(-1)?.['nonce']).not.toBe(first?.['nonce'])
  })

  test.each([
    ['no network', undefined],
    ['a failure of the function', { status: 500, json: { state: 'failed' } }],
    ['API Gateway throttles', { status: 429, json: { message: 'Too Many Requests' } }],
    ['an answer that is not JSON', { status: 502, body: '<html>' }],
  ])('after 5 tries the page says so, and goes on when the person asks: %s', async (_, answer) => {
    const link = await server.makeLink()
    await visitWithClock(link.url)
    await page.route('**/link/claim', (route) => (answer ? route.fulfill(answer) : route.abort()))
    await claim()
    await expect.poll(said).toContain('This page tries again')
    await passTime(isVisible(`The service does not answer. Leave this page open`))
    expect(await said()).toContain(`ask ${vending.contact}`)
    expect(posts()).toHaveLength(5)
    await page.clock.runFor(600_000)
    expect(posts()).toHaveLength(5)
    await page.unroute('**/link/claim')
    await press('Show my password')
    await isShown()
    expect(new Set(bodies().map((body) => body['nonce'])).size).toBe(1)
  })
})

describe('a password that is not sealed yet', () => {
  test('is shown as soon as the password is sealed', async () => {
    const link = await server.makeLink({ isSealed: false })
    await visitWithClock(link.url)
    await claim()
    await expect.poll(said).toContain('Your password is not ready yet. This page waits')
    await page.clock.runFor(4000)
    expect(posts()).toHaveLength(1)
    await page.clock.runFor(2000)
    await expect.poll(() => posts().length).toBe(2)
    await link.seal()
    await passTime(isVisible('You can sign in now'))
    expect(new Set(bodies().map((body) => body['nonce'])).size).toBe(1)
  })

  test('is waited for 2 minutes, then the page says whom to ask, and nothing is spent', async () => {
    const link = await server.makeLink({ isSealed: false })
    await visitWithClock(link.url)
    const start = await page.evaluate(() => Date.now())
    await claim()
    await passTime(isVisible('Your link still works. Try again later'))
    const seconds = (await page.evaluate(() => Date.now())) - start
    expect(seconds).toBeGreaterThan(110_000)
    expect(seconds).toBeLessThan(150_000)
    expect(await said()).toContain(`ask ${vending.contact}`)
    expect(await link.isClaimed()).toBe(false)
    // As Retry-After says, every 5 seconds.
    expect(posts().length).toBeLessThanOrEqual(25)
    await link.seal()
    await press('Show my password')
    await isShown()
  })
})

/** Shows each state of the page. Answers the heading, or a part of the message, of that state. */
const states: Record<string, () => Promise<string>> = {
  'no fragment': async () => {
    await page.goto(server.url)
    return 'Paste your link'
  },
  'a link to paste': async () => {
    await page.goto(server.url)
    await page.getByLabel('Link from the mail').fill('nothing')
    await press('Use this link')
    return 'This text has no complete link'
  },
  start: async () => {
    await page.goto((await server.makeLink()).url)
    return 'Show the password'
  },
  'wrong digits': async () => {
    await page.goto((await server.makeLink()).url)
    await claim('0000')
    return 'You have 4 more tries.'
  },
  'the last try': async () => {
    await page.goto((await server.makeLink()).url)
    for (const left of ['4 more tries', '3 more tries', '2 more tries', '1 more try']) {
      await claim('0000')
      await page.getByText(`You have ${left}.`).waitFor()
    }
    await claim('0000')
    return 'the link is locked for a while'
  },
  locked: async () => {
    await states['the last try']!()
    await page.getByText('the link is locked for a while').waitFor()
    await claim()
    return 'After too many wrong tries, the link is locked until '
  },
  'not sealed': async () => {
    await page.goto((await server.makeLink({ isSealed: false })).url)
    await claim()
    return 'Your password is not ready yet. This page waits'
  },
  shown: async () => {
    await page.goto((await server.makeLink()).url)
    await claim()
    await press('Show the password')
    return 'You can sign in now'
  },
  // The longest that IAM and Organizations allow.
  'shown, with long names': async () => {
    const handover = {
      accountName: 'W'.repeat(50),
      userName: `=${'W'.repeat(63)}`,
      password: `${'W'.repeat(64)}${'<&>"\' '.repeat(10)}1234`,
    }
    await page.goto((await server.makeLink({ handover })).url)
    await claim()
    await press('Show the password')
    return 'You can sign in now'
  },
  claimed: async () => {
    const link = await server.makeLink()
    await link.claim()
    await page.goto(link.url)
    await claim()
    return 'This password was shown already'
  },
  disowned: async () => {
    await states['claimed']!()
    await press('That was not me')
    return 'Thank you for reporting that this was not you'
  },
  expired: async () => {
    const link = await server.makeLink()
    await link.end('expired')
    await page.goto(link.url)
    await claim()
    return 'This link has expired'
  },
  replaced: async () => {
    const link = await server.makeLink()
    await link.end('replaced')
    await page.goto(link.url)
    await claim()
    return 'There is a newer link'
  },
  unknown: async () => {
    await page.goto(`${server.url}#${'x'.repeat(43)}`)
    await claim()
    return 'This link is not known'
  },
  'disowned before': async () => {
    const link = await server.makeLink()
    await link.claim()
    await page.goto(link.url)
    await claim()
    await press('That was not me')
    await heading('Thank you').waitFor()
    await page.goto('about:blank')
    await page.goto(link.url)
    await claim()
    return 'Somebody has reported that the wrong person opened the link'
  },
  'not claimed': async () => {
    await page.route('**/link/disown', (route) => route.fulfill({ status: 409, json: { state: 'not-claimed' } }))
    await states['claimed']!()
    await press('That was not me')
    return 'Nobody has opened a link to this password'
  },
  unsupported: async () => {
    await page.addInitScript(() => Object.defineProperty(crypto, 'subtle', { value: undefined }))
    await page.goto((await server.makeLink()).url)
    return 'This browser cannot decrypt the password'
  },
  'box of another link': async () => {
    const link = await server.makeLink()
    await link.exchangeBox()
    await page.goto(link.url)
    await claim()
    return 'The password cannot be decrypted'
  },
}
const sight = async (state: string) => {
  const words = await states[state]!()
  await page.getByText(words).first().waitFor()
  return words
}

describe('each state has plain words:', () => {
  test.each(Object.keys(states))('%s', async (state) => {
    await newVisitor()
    const words = await sight(state)
    expect(await page.locator('section:visible').count()).toBe(1)
    expect(await page.locator('section:visible, footer').allInnerTexts()).toEqual(
      expect.arrayContaining([expect.stringContaining(words)]),
    )
    // Whoever gets no password reads whom to ask.
    if (['claimed', 'disowned', 'expired', 'replaced', 'unknown', 'box of another link'].includes(state)) {
      expect(await page.locator('section:visible').innerText()).toContain(vending.contact)
      expect(await focused()).toBe(words)
    }
  })

  test('a malformed fragment is like no fragment', async () => {
    await visit(`${server.url}#${'x'.repeat(42)}`)
    await heading('Paste your link').waitFor()
    expect(page.url()).toBe(server.url)
  })

  test('after wrong digits, the right digits open the link', async () => {
    const link = await server.makeLink()
    await visit(link.url)
    await claim('1234')
    await page.getByText('You have 4 more tries.').waitFor()
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('digits')
    await page.keyboard.type('3333')
    await page.keyboard.press('Enter')
    await isShown()
  })

  test('another link can be pasted after an unknown link', async () => {
    const link = await server.makeLink()
    await newVisitor()
    await sight('unknown')
    await press('Paste another link')
    await page.keyboard.type(link.url)
    await page.keyboard.press('Enter')
    await claim()
    await isShown()
  })
})

describe('a pasted link opens:', () => {
  const wraps: [string, (link: TestLink) => string][] = [
    ['the link', ({ url }) => url],
    ['the code', ({ code }) => code],
    [
      'wrapped by a gateway',
      ({ url }) => `https://x.safelinks.protection.outlook.com/?url=${encodeURIComponent(url)}&data=05%7C02&reserved=0`,
    ],
  ]
  test.each(wraps)('%s', async (_, wrap) => {
    const link = await server.makeLink()
    await visit(server.url)
    await page.getByLabel('Link from the mail').fill(wrap(link))
    await press('Use this link')
    await claim()
    await isShown()
    expect(await page.getByLabel('Link from the mail').inputValue()).toBe('')
    await press('Show the password')
    expect(await page.locator('#password').innerText()).toBe(link.handover.password)
  })
})

describe('a password that somebody else has seen', () => {
  test('the second visitor reads when and roughly from where, and can say so once', async () => {
    const link = await server.makeLink()
    await link.claim()
    await visit(link.url)
    await claim()
    await heading('This password was shown already').waitFor()
    const words = await page.locator('#claimed').innerText()
    expect(words).toContain('27 November 2026 at 10:05 CET')
    expect(words).toContain('203.0.113.0/24')
    expect(words).toContain('Firefox')
    await press('That was not me')
    await heading('Thank you').waitFor()
    const [claimed, disowned] = bodies()
    expect(disowned).toEqual({ id: claimed?.['id'], digits: '3333' })

    await visit(link.url)
    await claim()
    await page.getByText('Somebody has reported that the wrong person opened the link').waitFor()
    expect(await page.getByRole('button', { name: 'That was not me' }).isVisible()).toBe(false)
  })

  test('a lost answer to "That was not me" is asked for again', async () => {
    const link = await server.makeLink()
    await link.claim()
    await visit(link.url)
    let lost = 0
    await page.route('**/link/disown', async (route) => {
      if (lost++) return route.fallback()
      await route.fetch()
      await route.abort()
    })
    await claim()
    await press('That was not me')
    await heading('Thank you').waitFor()
    expect(posts()).toHaveLength(3)
  })

  test('if the service does not take "That was not me", the button stays', async () => {
    const link = await server.makeLink()
    await link.claim()
    await visitWithClock(link.url)
    await page.route('**/link/disown', (route) => route.abort())
    await claim()
    await press('That was not me')
    await passTime(isVisible('The service does not answer. Leave this page open'))
    await page.unroute('**/link/disown')
    await press('That was not me')
    await heading('Thank you').waitFor()
  })

  test.each([
    ['the digits are wrong', 403, { state: 'wrong-digits', triesLeft: 3 }, 'You have 3 more tries.'],
    ['the link is locked', 429, { state: 'locked', until: '2026-11-27T10:00:00Z' }, 'locked until 27 November 2026 at'],
    ['the link is unknown', 404, { state: 'unknown' }, 'This link is not known'],
    ['the link was replaced', 410, { state: 'replaced' }, 'There is a newer link'],
    ['nobody claimed', 409, { state: 'not-claimed' }, 'Nobody has opened a link to this password'],
  ])('"That was not me", but %s', async (_, status, json, words) => {
    const link = await server.makeLink()
    await link.claim()
    await visit(link.url)
    await page.route('**/link/disown', (route) => route.fulfill({ status, json }))
    await claim()
    await press('That was not me')
    await page.getByText(words).waitFor()
  })
})

test('the .csv file is the console’s, and a CSV parser reads the same values', async () => {
  // Python's own: https://docs.python.org/3/library/csv.html
  const parse = async (file: string) => {
    const program = 'import csv,json,sys; print(json.dumps(list(csv.reader(open(sys.argv[1],newline=""),strict=True))))'
    return JSON.parse((await promisify(execFile)('python3', ['-c', program, file])).stdout) as string[][]
  }
  for (const handover of [
    { userName: 'ada', password: 'a,"b"' },
    { userName: '=1+1', password: 'x' },
    { userName: '@SUM', password: '\'",' },
  ]) {
    const link = await server.makeLink({ handover })
    await visit(link.url)
    await claim()
    const [download] = await Promise.all([page.waitForEvent('download'), press('Download .csv')])
    expect(download.suggestedFilename()).toMatch(/_credentials\.csv$/)
    const file = await download.path()
    const { userName, password, signInUrl } = link.handover
    expect(await parse(file)).toEqual([
      ['User name', 'Password', 'Console sign-in URL'],
      [/^\w/.test(userName) ? userName : `'${userName}`, password, signInUrl],
    ])
    expect((await readFile(file, 'utf8')).split('\r\n')).toHaveLength(3)
  }
})

test('the whole page can be used with the keyboard only', async () => {
  const link = await server.makeLink()
  await visit(server.url)
  const isRinged = () => page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle !== 'none')
  /** Presses Tab until an element with this text or label has the focus. */
  const tabTo = async (name: string | RegExp) => {
    for (let i = 0; i < 15; i++) {
      await page.keyboard.press('Tab')
      const label = await page.evaluate(() => {
        const { textContent, labels } = document.activeElement as HTMLInputElement
        return (labels?.[0] ?? { textContent }).textContent.replace(/\s+/g, ' ').trim()
      })
      expect(await isRinged(), label).toBe(true)
      if (label.match(name)) return
    }
    throw new Error(`The Tab key does not reach ${name}`)
  }
  await tabTo('Link from the mail')
  await page.keyboard.type(link.url)
  await page.keyboard.press('Enter')
  await page.keyboard.type('3333')
  await tabTo('Show my password')
  await page.keyboard.press('Enter')
  await isShown()
  await tabTo(/^https:/)
  await tabTo('Copy the user name')
  await tabTo('Show the password')
  await page.keyboard.press(' ')
  expect(await page.locator('#password').innerText()).toBe(link.handover.password)
  await tabTo('Copy the password')
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link.handover.password)
  await tabTo('Download .csv')
  const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('Enter')])
  expect(download.suggestedFilename()).toBe('ada_credentials.csv')

  const other = await server.makeLink()
  await other.claim()
  await visit(other.url)
  await tabTo(/^Last four digits/)
  await page.keyboard.type('3333')
  await page.keyboard.press('Enter')
  await heading('This password was shown already').waitFor()
  await tabTo('That was not me')
  await page.keyboard.press('Enter')
  await heading('Thank you').waitFor()
})

/** What reaches beyond the window, or is cut off inside its own element. */
const cutOff = () =>
  page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('body *')]
      .filter((one) => one.checkVisibility() && !one.classList.contains('unseen'))
      .filter((one) => {
        const { left, right } = one.getBoundingClientRect()
        return left < 0 || right > document.documentElement.clientWidth || one.scrollWidth > one.offsetWidth + 1
      })
      .map((one) => one.outerHTML.slice(0, 80)),
  )

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([320, 768, 1440])(
    'axe finds no violation and nothing is cut off at a width of %i',
    async (width) => {
      for (const state of Object.keys(states)) {
        await newVisitor({ colorScheme, viewport: { width, height: 700 } })
        await sight(state)
        expect(await violations(page), state).toEqual([])
        expect(await cutOff(), state).toEqual([])
        const hidden = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        expect(hidden, state).toBeLessThanOrEqual(0)
        const folder = process.env['PICTURES']
        if (folder)
          await page.screenshot({
            path: `${folder}/${state.replace(/\W+/g, '-')}-${width}-${colorScheme}.png`,
            fullPage: true,
          })
        await page.context().close()
      }
    },
    180_000,
  )
})
