import { createServer } from 'node:http'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientMaker } from '../../cli/clients.ts'
import { serveUi } from '../../cli/ui.ts'
import { loadVending } from '../../infra/build/check-vending.ts'
import { addAccount, addOrganizationalUnit } from '../../local/aws/world.ts'
import { vend } from '../../local/vend-input.ts'
import { violations } from '../support/axe.ts'
import { aVendedRecord } from '../support/builders.ts'
import { startChromium } from '../support/chromium.ts'
import { accountCreated } from '../support/events.ts'
import { aFinding, aLook, putItem, putLook } from '../support/looks.ts'
import { anOrganization, exampleVending, ledgerOf, type TestOrganization } from '../support/organization.ts'

// Tests the console that `vend ui` serves, in a real browser, against a local organization.

const idOf = (n: number) => String(630000000000 + n)
const [vended, refusing, waiting] = [idOf(1), idOf(2), idOf(3)]
const others = 120
let organization: TestOrganization
let server: Awaited<ReturnType<typeof serveUi>>
/** The same with the buttons that change something. */
let operated: Awaited<ReturnType<typeof serveUi>>
let browser: Browser
let page: Page

const seen = { isThere: true, hasLoginProfile: true, mustChangePassword: false, hasMfa: false, accessKeys: 0 }

beforeAll(async () => {
  browser = await startChromium()
  organization = await anOrganization()
  const { world } = organization
  const ledger = ledgerOf(organization)
  const unit = addOrganizationalUnit(world, { name: 'Production' })
  addAccount(world, { id: vended, name: 'Payments', email: 'payments@example.com' })
  await vend(organization, { door: 'event', event: accountCreated(vended) })
  const account = addAccount(world, { id: refusing, name: 'Refusing', email: 'refusing@example.com' })
  account.deniedActions = ['iam:CreateUser']
  await vend(organization, { door: 'event', event: accountCreated(refusing) })
  addAccount(world, { id: waiting, name: 'Waiting', parentId: unit.id })
  await putItem(ledger, `account#${waiting}`, {
    ...aVendedRecord(),
    accountId: waiting,
    accountName: 'Waiting',
    status: 'VENDED',
    updatedAt: '2026-11-20T10:00:00.000Z',
    admins: { ada: { userName: 'ada', email: 'ada@example.com', groups: [], policies: [] } },
  })
  const admins = { ada: { ...seen, userName: 'ada', hasSignedIn: false } }
  await putLook(
    ledger,
    aLook([aFinding('link-unclaimed', 'ada')], { accountId: waiting, accountName: 'Waiting', admins }),
  )
  for (let n = 0; n < others; n++) addAccount(world, { id: idOf(100 + n), name: `Team ${String(n).padStart(3, '0')}` })
  await organization.settled()
  const make = clientMaker({
    region: world.region,
    endpoint: organization.endpointUrl,
    credentials: { accessKeyId: world.managementAccountId, secretAccessKey: 'local' },
  })
  const context = { make, stage: 'local', vending: loadVending(exampleVending), options: ' --local' }
  server = await serveUi({ ...context, operates: false })
  operated = await serveUi({ ...context, operates: true })
})
afterAll(async () => {
  server?.close()
  operated?.close()
  await browser?.close()
  await organization?.close()
})

const problems: string[] = []
const open = async (path = '', options: BrowserContextOptions = {}, { url } = server) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(url + path)
  await page.getByRole('heading', { level: 1 }).waitFor()
}
afterEach(async () => {
  await page?.context().close()
  expect(problems.splice(0)).toEqual([])
})

const names = () =>
  page
    .locator('tbody th')
    .allInnerTexts()
    .then((texts) => texts.map((text) => text.split('\n')[0]))
const figure = (words: string) => page.getByRole('list', { name: 'Filters' }).getByRole('button', { name: words })
const search = () => page.getByRole('searchbox', { name: 'Search' })

describe('the accounts', () => {
  test('are counted, filtered by a figure, searched and sorted, and the address holds all of that', async () => {
    await open()
    await expect.poll(() => figure('failed').innerText()).toBe('1\nfailed')
    expect(await figure('never signed in').innerText()).toBe('1\nnever signed in')
    await figure('failed').click()
    await expect.poll(names).toEqual(['Refusing'])
    expect(new URL(page.url()).search).toBe('?filter=failed')
    await page.reload()
    await expect.poll(names).toEqual(['Refusing'])
    await page.goBack()
    await expect.poll(async () => (await names()).length).toBe(50)
    await search().fill('Team')
    await expect.poll(async () => (await names())[0]).toBe('Team 000')
    await page.getByRole('button', { name: 'Account', exact: true }).click()
    await expect.poll(async () => (await names())[0]).toBe('Team 119')
    const head = page.getByRole('columnheader', { name: 'Account' })
    expect(await head.getAttribute('aria-sort')).toBe('descending')
    for (const text of [waiting, 'wait ada', 'production']) {
      await search().fill(text)
      await expect.poll(names).toEqual(['Waiting'])
    }
    expect(await page.locator('tbody').innerText()).toMatch(/Production[\s\S]*vended[\s\S]*ada not signed in/)
  })

  test('are shown 50 on a page', async () => {
    await open('?search=team')
    await page.getByText('Page 1 of 3').waitFor()
    await page.getByRole('button', { name: 'Next' }).click()
    await expect.poll(async () => (await names())[0]).toBe('Team 050')
    await page.goBack()
    await expect.poll(async () => (await names())[0]).toBe('Team 000')
    await search().fill('nobody at all')
    await page.getByText('No account matches.').waitFor()
  })

  test('can be read again', async () => {
    await open('?search=just opened')
    await page.getByText('No account matches.').waitFor()
    addAccount(organization.world, { id: idOf(900), name: 'Just opened' })
    await page.getByRole('button', { name: 'Read again' }).click()
    await expect.poll(names).toEqual(['Just opened'])
  })
})

describe('an account', () => {
  test('that failed shows what happened, and the command that continues', async () => {
    await open('', { permissions: ['clipboard-read', 'clipboard-write'] })
    await page.getByRole('link', { name: 'Refusing' }).click()
    await page.getByRole('heading', { name: 'The last vend has failed' }).waitFor()
    const command = `npx vend redrive ${refusing} --local`
    await page.getByRole('button', { name: 'Copy' }).click()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(command)
    expect(new URL(page.url()).pathname).toMatch(new RegExp(`/accounts/${refusing}$`))
    await page.goBack()
    await figure('failed').waitFor()
  })

  test('that was vended shows who is in, the steps and the findings', async () => {
    await open(`accounts/${vended}`)
    await page.getByText('Nothing was found').or(page.getByText('has not looked')).waitFor()
    expect(await page.getByRole('row').last().innerText()).toContain('payments@example.com')
    expect(await page.locator('.timeline').innerText()).toContain('CreateAdminUser Administrator')
    await page.goto(`${server.url}accounts/${waiting}`)
    await page.getByText('A link was not opened in time: ada').click()
    await page.getByText('Ask ada.').waitFor()
  })

  test('that is not there says so', async () => {
    await open('requests')
    await page.goto(`${server.url}accounts/999999999999`)
    await page.getByRole('alert').getByText('is not an account of this organization').waitFor()
    // The browser tells of the answer 404.
    expect(problems.splice(0).every((text) => text.includes('404'))).toBe(true)
  })
})

test.each([360, 768, 1280, 2560])(
  'at %d pixels nothing is cut off, light and dark, and axe finds nothing',
  async (width) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await open('', { viewport: { width, height: 800 }, colorScheme })
      for (const path of ['', `accounts/${refusing}`, `accounts/${waiting}`, 'requests']) {
        await page.goto(server.url + path)
        await page.getByRole('heading', { level: 1 }).waitFor()
        const cutOff = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
        expect({ path, cutOff }).toEqual({ path, cutOff: 0 })
        expect(await violations(page)).toEqual([])
      }
      await page.context().close()
    }
  },
)

test('the keyboard alone reaches a filter, an account and the way back', async () => {
  await open()
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  await figure('failed').focus()
  await page.keyboard.press('Enter')
  await expect.poll(names).toEqual(['Refusing'])
  await page.getByRole('link', { name: 'Refusing' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Refusing' }).waitFor()
  await page.getByRole('link', { name: 'All accounts' }).focus()
  await page.keyboard.press('Enter')
  await figure('failed').waitFor()
})

describe('with --operate', () => {
  const dialog = () => page.getByRole('dialog')

  test('a failed account is redriven: the page shows what would happen, asks, and follows', async () => {
    await open(`accounts/${refusing}`, {}, operated)
    await page.getByRole('button', { name: 'Redrive', exact: true }).click()
    await dialog().getByText('goes on at the step that failed').waitFor()
    expect(await violations(page)).toEqual([])
    await dialog().getByRole('button', { name: 'Cancel' }).click()
    expect(organization.world.accounts.get(refusing)!.users.size).toBe(0)
    organization.world.accounts.get(refusing)!.deniedActions = []
    organization.clock.pass(120_000)
    await page.getByRole('button', { name: 'Redrive', exact: true }).click()
    await dialog().getByRole('button', { name: 'Redrive' }).click()
    await page.locator('.badge').getByText('vended').waitFor()
    await page.getByText('CreateAdminUser Administrator').waitFor()
  })

  test('a refusal stands beside the button', async () => {
    await open(`accounts/${waiting}`, {}, operated)
    await page.getByRole('button', { name: 'Mail a new link' }).click()
    await dialog().getByText('ada').first().waitFor()
    organization.world.accounts.get(waiting)!.state = 'SUSPENDED'
    await dialog().getByRole('button', { name: 'Mail a new link' }).click()
    await page.locator('.act .wrong').getByText('Nothing was started.').waitFor()
    // The browser tells of the answer 409.
    expect(problems.splice(0).every((text) => text.includes('409'))).toBe(true)
  })

  test('without it, there is no such button', async () => {
    await open(`accounts/${waiting}`)
    await page.getByText('read-only').waitFor()
    expect(await page.getByRole('button', { name: 'Mail a new link' }).count()).toBe(0)
  })
})

test('a page of another origin on this computer can neither read nor show the console', async () => {
  const stranger = createServer((_, response) =>
    response.setHeader('content-type', 'text/html').end('<h1>Stranger</h1>'),
  )
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  try {
    const context = await browser.newContext()
    page = await context.newPage()
    await page.goto(`http://127.0.0.1:${(stranger.address() as { port: number }).port}/`)
    const read = (url: string) =>
      page.evaluate(
        (url) =>
          fetch(url).then(
            (response) => response.text(),
            () => 'refused',
          ),
        url,
      )
    expect(await read(`${server.url}data/accounts`)).toBe('refused')
    await page.evaluate((url) => {
      const frame = document.createElement('iframe')
      frame.src = url
      document.body.append(frame)
    }, server.url)
    await expect.poll(() => page.frames().length).toBe(2)
    await expect.poll(() => page.frames()[1]!.url()).toMatch(/^chrome-error:/)
  } finally {
    stranger.close()
  }
})
