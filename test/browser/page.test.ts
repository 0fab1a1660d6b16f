import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import type { AxeResults } from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import { startChromium } from '../support/chromium.ts'
import { npmStart } from '../support/npm-start.ts'
import { exampleVending } from '../support/organization.ts'

// The page of `npm start`, in a real browser.

const port = 14_680
let organization: Awaited<ReturnType<typeof npmStart>>
let browser: Browser
let page: Page

beforeAll(async () => {
  browser = await startChromium()
  organization = await npmStart(port)
  await organization.told('where you can start more')
})
afterAll(async () => {
  await browser?.close()
  expect(await organization?.interrupt()).toBe(0)
})

const problems: string[] = []
const open = async (options: BrowserContextOptions = {}) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(organization.url)
  await page.locator('.graph svg').waitFor()
}
afterEach(async () => {
  await page?.context().close()
  expect(problems.splice(0)).toEqual([])
})

const executions = () => page.getByRole('list', { name: 'Latest executions' }).getByRole('button')
const inbox = () => page.getByRole('list', { name: 'Mails' }).getByRole('button')
const state = (name: string) => page.locator(`[id="state-${name}"]`)
const press = (name: string) => page.getByRole('button', { name, exact: true }).click()
const said = () => page.getByRole('status').innerText()
/** Waits until the newest execution has ended so. */
const newest = (outcome: string) => executions().first().filter({ hasText: outcome }).waitFor()
/** Presses a button that starts an execution, and waits until that one has ended well. */
const vendBy = async (button: string) => {
  const before = await executions().count()
  await press(button)
  await executions().nth(before).waitFor()
  await newest('Vended')
}

test('the three doors are there, each vended', async () => {
  await open()
  expect(await executions().allInnerTexts()).toEqual([
    expect.stringMatching(/Research by api\s+Vended/),
    expect.stringMatching(/Website by manual\s+Vended/),
    expect.stringMatching(/Payments by event\s+Vended/),
  ])
})

test('the graph has every state of the definition, coloured by how it stands', async () => {
  await open()
  const place = { partition: 'aws', region: 'us-east-1', accountId: '111122223333' }
  type States = Record<string, { ItemProcessor?: { States: States } }>
  const { States } = readDeployed(loadVending(exampleVending), place).definition as { States: States }
  const names = Object.entries(States).flatMap(([name, { ItemProcessor }]) => [
    name,
    ...Object.keys(ItemProcessor?.States ?? {}),
  ])
  expect(names.length).toBeGreaterThan(12)
  for (const name of names) expect(await state(name).count(), name).toBe(1)
  expect(await state('RecordVended').getAttribute('data-status')).toBe('SUCCEEDED')
  expect(await state('NotNew').getAttribute('data-status')).toBe('NONE')
  const fill = (name: string) =>
    state(name)
      .locator('path, polygon')
      .first()
      .evaluate((one) => getComputedStyle(one).fill)
  expect(await fill('RecordVended')).not.toBe(await fill('NotNew'))
})

test('the inbox shows a mail as HTML, at a phone’s width, and as text', async () => {
  await open()
  await inbox().filter({ hasText: 'as grace' }).click()
  const mail = page.frameLocator('iframe')
  await mail.getByText('https://888899990000.signin.aws.amazon.com/console').first().waitFor()
  await page.getByLabel('Phone').check()
  await mail.getByText('grace', { exact: true }).first().waitFor()
  expect((await page.locator('iframe').boundingBox())?.width).toBe(360)
  const hidden = () =>
    page.frames()[1]?.evaluate(() => {
      const { scrollWidth, scrollHeight } = document.documentElement
      return { width: scrollWidth - innerWidth, height: scrollHeight - innerHeight }
    })
  await expect.poll(hidden).toEqual({ width: 0, height: 0 })
  await page.getByLabel('Text').check()
  expect(await page.locator('.mail pre').innerText()).toContain('User name')
  expect(await page.locator('iframe').count()).toBe(0)
})

test('the three doors open: a new account, an execution, a request', async () => {
  await open()
  await vendBy('Create an account')
  expect(await executions().first().innerText()).toContain('by event')

  await vendBy('Start an execution')
  // The old account has an Administrator of its own, who is kept.
  expect(await state('Kept').getAttribute('data-status')).toBe('SUCCEEDED')

  await page.getByLabel('User name').fill('lin')
  await vendBy('Send a request')
  expect(await said()).toContain('HTTP 202')
  await inbox().filter({ hasText: 'as lin' }).waitFor()
})

describe('what is broken on purpose recovers', () => {
  test('a role that is not ready: the step waits, tries again, and goes on', async () => {
    await open()
    await press('Role not ready')
    await page.locator('[id="state-CreateAdminGroup"][data-status="WAITING"]').waitFor()
    await page.getByText(/\d+ × AccountNotReadyError\. Retry within [\d.]+ s\./).waitFor()
    await newest('Vended')
    expect(await state('CreateAdminGroup').getAttribute('data-status')).toBe('SUCCEEDED')
    expect(await state('CreateAdminGroup').locator('.badge').textContent()).toMatch(/↻\d+/)
  })

  test('throttling', async () => {
    await open()
    await press('Throttling')
    await page.getByText(/× .*Throttling/).waitFor()
    await newest('Vended')
  })

  test('a duplicate event: one execution vends, the other ends well', async () => {
    await open()
    const before = await executions().count()
    await press('Duplicate event')
    await executions()
      .nth(before + 1)
      .waitFor()
    await expect
      .poll(
        async () =>
          (await executions().allInnerTexts())
            .slice(0, 2)
            .join()
            .match(/Vended|AlreadyInProgress/g)
            ?.sort(),
        { timeout: 30_000 },
      )
      .toEqual(['AlreadyInProgress', 'Vended'])
  })

  test('a policy that forbids users: a notice comes, and a redrive goes on once it is lifted', async () => {
    await open()
    await press('Denied by policy')
    await newest('DeniedByPolicyError')
    expect(await state('CreateAdminUser').getAttribute('data-status')).toBe('FAILED')
    await inbox().filter({ hasText: 'failure notice' }).first().click()
    await page.frameLocator('iframe').getByText('redrive-execution').first().waitFor()
    await press('Redrive')
    // Lifted earlier, the policy would not fail the redriven execution.
    await page.getByText('DeniedByPolicyError (redriven 1 ×)').waitFor()
    await press('Lift the policy')
    await press('Redrive')
    await newest('Vended')
    await page.getByText(/redriven \d ×/).waitFor()
  })
})

test('a mistake is said: no JSON, an event that no rule takes, a request that is refused', async () => {
  await open()
  await page.getByText('Send your own event').click()
  await page.getByLabel('Event').fill('{"source":"aws.organizations","detail-type":"nothing"}')
  await press('Send')
  await expect.poll(said).toContain('No rule matches this event')
  await page.getByText('Change the input').click()
  await page.getByLabel('Input').fill('{"accountId":')
  await press('Start an execution')
  await expect.poll(said).toContain('StartExecution refuses an input that is not JSON')
  problems.splice(0)
  await page.getByLabel('User name').fill('not a name')
  await press('Send a request')
  await expect.poll(said).toMatch(/HTTP 400.*admins\[0\]\.userName/)
})

test('the lines to copy work in a terminal', async () => {
  await open({ permissions: ['clipboard-read', 'clipboard-write'] })
  await page.getByLabel('Account in these commands').selectOption('888899990000')
  const run = async (what: string) => {
    await press(`Copy: ${what}`)
    const line = await page.evaluate(() => navigator.clipboard.readText())
    return (await promisify(execFile)('bash', ['-c', `${line} --silent`])).stdout
  }
  expect(JSON.parse(await run('Get the account’s status'))).toMatchObject({
    accountId: '888899990000',
    status: 'VENDED',
  })
  expect(JSON.parse(await run('Request another administrator from the API'))).toMatchObject({ status: 'Accepted' })
  await newest('Vended')
})

test('everything is within reach of the keyboard, and what has the focus is seen', async () => {
  await open({ reducedMotion: 'reduce' })
  await page.keyboard.press('Tab')
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to the executions')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  const third = executions().nth(2)
  for (let i = 0; i < 2; i++) await page.keyboard.press('Tab')
  expect(await third.evaluate((one) => one === document.activeElement)).toBe(true)
  await page.keyboard.press('Enter')
  expect(await third.getAttribute('aria-pressed')).toBe('true')

  // From the top to the bottom nothing traps the focus, and every control gets it, with an outline or a shadow.
  await page.evaluate(() => (document.activeElement as HTMLElement).blur())
  await page.reload()
  await page.locator('.graph svg').waitFor()
  const controls = await page.locator('button, select, input:checked, input:not([type=radio]), summary, a').count()
  const reached = new Set<string>()
  for (let i = 0; i < controls + 50; i++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const one = document.activeElement
      if (!one || one === document.body) return null
      const { outlineStyle, boxShadow } = getComputedStyle(one)
      one.setAttribute('data-reached', '')
      // In a mail the focus is on a link of its own.
      const inMail = one.tagName === 'IFRAME'
      const hasShadow = boxShadow.split(/, (?=rgb)/).some((shadow) => !/none|0px 0px 0px 0px$/.test(shadow))
      return { name: one.outerHTML.slice(0, 80), seen: inMail || outlineStyle !== 'none' || hasShadow }
    })
    if (!focused) break
    expect(focused.seen, focused.name).toBe(true)
    reached.add(focused.name)
  }
  expect(reached.size).toBeGreaterThan(10)
  const missed = page
    .locator('button:not([data-reached]), select:not([data-reached]), summary:not([data-reached])')
    .filter({ visible: true })
  expect(await missed.evaluateAll((all) => all.map((one) => one.outerHTML.slice(0, 200)))).toEqual([])
})

test.each([320, 390, 768, 1024, 1440, 2560])('nothing is cut off at a width of %i', async (width) => {
  await open({ viewport: { width, height: 800 } })
  await page.getByText('Send your own event').click()
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  expect(overflow).toBeLessThanOrEqual(0)
  const cut = await page
    .locator('button, select, h1, h2, h3, .line code')
    .evaluateAll((all) =>
      all.filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.textContent),
    )
  expect(cut).toEqual([])
})

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const violations = async () => {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run: () => Promise<AxeResults> } }).axe.run(),
  )
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`)
}

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([390, 1440])('axe finds no violation at a width of %i', async (width) => {
    await open({ colorScheme, viewport: { width, height: 900 } })
    for (const summary of await page.locator('summary').all()) await summary.click()
    expect(await violations()).toEqual([])
    await page.getByLabel('Text').check()
    await press('Role not ready')
    await page.locator('[data-status="WAITING"]').waitFor()
    expect(await violations()).toEqual([])
    await newest('Vended')
    await press('Denied by policy')
    await newest('DeniedByPolicyError')
    expect(await violations()).toEqual([])
  })
})

test('when npm start has ended, the page says so', async () => {
  const other = await npmStart(port + 10, '--event', 'test/samples/manual-execution.json')
  await other.told('where you can start more')
  await open()
  await page.goto(other.url)
  await page.locator('.graph svg').waitFor()
  expect(await other.interrupt()).toBe(0)
  await page.getByText('Not connected').waitFor()
  problems.splice(0)
})
