import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadVending } from '../../infra/build/check-vending.ts'
import { readDeployed } from '../../local/deployed.ts'
import type { Snapshot } from '../../local/snapshot.ts'
import { violations } from '../support/axe.ts'
import { startChromium } from '../support/chromium.ts'
import { npmStart } from '../support/npm-start.ts'
import { exampleVending, vendingFile } from '../support/organization.ts'

// Tests the page of `npm start` in a real browser.

const port = 14_680
const command = path.join(import.meta.dirname, '..', '..', 'dist', 'vend.cjs')
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
const open = async (options: BrowserContextOptions = {}, url = organization.url) => {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
  page = await context.newPage()
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(url)
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
/** The text beside the button that was pressed last. */
const said = () => page.getByRole('status').filter({ hasText: /./ }).innerText()
/** Waits until the newest execution has ended with this outcome. */
const newest = (outcome: string) => executions().first().filter({ hasText: outcome }).waitFor()
/** Presses a button that starts an execution, and waits until that execution has succeeded. */
const vendBy = async (button: string) => {
  const before = await executions().count()
  await press(button)
  await executions().nth(before).waitFor()
  await newest('Vended')
}

test('shows the three doors, each with a vended account', async () => {
  await open()
  expect(await executions().allInnerTexts()).toEqual([
    expect.stringMatching(/Research through the API\s+Vended, ada and grace created/),
    expect.stringMatching(/Website manually\s+Vended, Administrator created/),
    expect.stringMatching(/Payments by an event\s+Vended, Administrator created/),
  ])
})

test('the graph shows every state of the definition, coloured by the state’s status', async () => {
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

test('the numbers of items and retries stand on no other state, and on no frame', async () => {
  await open()
  await executions().filter({ hasText: 'Research through the API' }).click()
  await state('StorePassword').locator('.badge').waitFor()
  const onOthers = await page.locator('.badge').evaluateAll((badges) =>
    badges.flatMap((badge) => {
      const { left, right, top, bottom } = badge.getBoundingClientRect()
      return [...document.querySelectorAll('.graph :is(.node, .cluster) > :is(path, polygon)')].flatMap((shape) => {
        const other = shape.getBoundingClientRect()
        const isBeside = other.right < left || other.left > right || other.bottom < top || other.top > bottom - 4
        const isWithin = other.left < left && other.right > right && other.top < top && other.bottom > bottom
        return isBeside || isWithin ? [] : [`${badge.textContent} on ${shape.parentElement?.id}`]
      })
    }),
  )
  expect(onOthers).toEqual([])
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

test('the link in a mail opens the page that shows the password once; after the link’s end there is a newer link', async () => {
  await open()
  const follow = async () => {
    const [opened] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'Open the link in this mail' }).click(),
    ])
    await opened.getByLabel('Last four digits').fill('0000')
    return opened
  }
  await inbox().filter({ hasText: 'as grace' }).click()
  const shown = await follow()
  await shown.getByLabel('Last four digits').fill('')
  await shown.keyboard.press('Enter')
  expect(shown.url()).not.toContain('#')
  await shown.getByLabel('Last four digits').fill('0000')
  await shown.getByRole('button', { name: 'Show my password' }).click()
  await shown.getByText('grace', { exact: true }).waitFor()
  await page.getByText('password shown').waitFor()

  await inbox().filter({ hasText: 'as ada' }).click()
  await page.getByRole('button', { name: 'Let 8 days pass' }).click()
  await expect.poll(said, { timeout: 120_000 }).toContain('8 days have passed')
  const late = await follow()
  await late.getByRole('button', { name: 'Show my password' }).click()
  await late.getByRole('heading', { name: 'There is a newer link' }).waitFor()
}, 180_000)

test('the three doors open: a new account, an execution, a request', async () => {
  await open()
  await vendBy('Create an account')
  expect(await executions().first().innerText()).toContain('by an event')

  await vendBy('Start an execution')
  expect(await executions().first().innerText()).toContain('manually')

  await page.getByLabel('User name').fill('lin')
  await vendBy('Send a request')
  expect(await said()).toContain('HTTP 202')
  await inbox().filter({ hasText: 'as lin' }).waitFor()
})

const door = (title: string) => page.getByRole('article').filter({ has: page.getByRole('heading', { name: title }) })

test('a door vends a new account unless another is chosen, and never the same name or id, even after a reload', async () => {
  await open()
  await vendBy('Start an execution')
  await newest('Vended, Administrator created')
  await vendBy('Send a request')
  await newest('Vended, ada created')
  await vendBy('Create an account')
  await page.reload()
  await vendBy('Create an account')
  await vendBy('Start an execution')
  await newest('Vended, Administrator created')
  await page.getByText('Send your own event').click()
  await vendBy('Send')
  await newest('Vended, Administrator created')
  const rows = await page.locator('tbody th').allInnerTexts()
  const names = rows.map((row) => row.split('\n')[0])
  expect(names.length).toBeGreaterThan(10)
  expect(new Set(names).size).toBe(names.length)
})

describe('opens an account:', () => {
  /** The newest execution of the API. The event of an account that is opened starts an execution, too. */
  const openings = () => executions().filter({ hasText: 'through the API' })
  const opening = () => openings().first()
  const opened = (outcome: string) => opening().filter({ hasText: outcome }).waitFor()
  /** Presses a button that opens an account, and waits until its execution has started. */
  const openBy = async (button: string) => {
    const before = await openings().count()
    await press(button)
    await openings().nth(before).waitFor()
  }
  const request = (name: string) => page.locator('.requests li').filter({ hasText: name })

  test('by keyboard, from the form to the administrator, with its way there beside the button', async () => {
    await open()
    const name = page.getByLabel('Account name')
    await name.focus()
    await page.keyboard.press('Control+A')
    await page.keyboard.type('Robotics')
    await page.keyboard.press('Tab')
    expect(await page.getByLabel('Account e-mail').inputValue()).toBe('robotics@example.com')
    await page.keyboard.press('Tab')
    await page.keyboard.type('Workloads/S')
    expect(await page.getByLabel('Organizational unit').inputValue()).toBe('Workloads/Sandbox')
    await page.keyboard.press('Tab')
    await page.keyboard.type('emmy')
    await page.keyboard.press('Enter')
    await expect.poll(said).toContain('The request is accepted')
    // Until the account is open, its execution is named by the name that was asked for.
    await openings()
      .filter({ hasText: /^Robotics through the API/ })
      .waitFor()
    await state('OpenAccount').and(page.locator('[data-status="SUCCEEDED"]')).waitFor()
    await request('Robotics').getByText('ready', { exact: true }).waitFor()
    await opened('Vended, emmy created')
    expect(await request('Robotics').locator('.steps li').allInnerTexts()).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^AcceptRequest .*\d\d:\d\d:\d\d$/),
        expect.stringMatching(/^OpenAccount/),
        expect.stringMatching(/^AwaitAccount/),
        expect.stringMatching(/^PlaceAccount/),
        expect.stringMatching(/^CreateAdminGroup/),
      ]),
    )
    // The form offers another account.
    expect(await name.inputValue()).not.toBe('Robotics')

    await executions().last().click()
    await request('Robotics').getByRole('link', { name: 'Show the execution' }).click()
    expect(await opening().getAttribute('aria-pressed')).toBe('true')
    await request('Robotics').getByRole('link', { name: 'Show the account' }).click()
    const row = page.locator('th:focus, th:target')
    expect(await row.innerText()).toMatch(/Robotics\s+\d{12} Workloads\/Sandbox/)
  })

  test('a refused request is told at its fields, and the first of them has the focus', async () => {
    await open()
    await page.getByLabel('Account name').fill('R&D <lab>')
    await page.getByLabel('Account e-mail').fill('lab')
    await page.getByRole('textbox', { name: 'Administrator' }).fill('not a name')
    await press('Open the account')
    await expect.poll(said).toContain('HTTP 400: The request is not valid')
    const wrong = page.locator('[aria-invalid]')
    await expect.poll(() => wrong.count()).toBe(3)
    const name = page.getByLabel('Account name')
    await expect.poll(() => name.evaluate((one) => one === document.activeElement)).toBe(true)
    const told = () =>
      wrong.evaluateAll((all) =>
        all.map((one) => document.getElementById(one.getAttribute('aria-describedby')!)?.innerText),
      )
    // Each field has one reason, the one that helps most: "lab" is too short, too.
    expect(await told()).toEqual([
      'must be 1 to 50 ASCII characters, without < and >, and without a space at the beginning or end',
      'must be the e-mail address of an account, like sandbox@example.com',
      'must be 1 to 64 letters, digits or _+=.@-',
    ])
    // A reason stands below its field.
    for (const one of await wrong.all()) {
      const [control, reason] = [
        await one.boundingBox(),
        await page.locator(`[id="${await one.getAttribute('aria-describedby')}"]`).boundingBox(),
      ]
      expect(reason!.y - (control!.y + control!.height)).toBeLessThan(16)
      expect(reason!.x).toBeCloseTo(control!.x, 0)
    }
    expect(await violations(page)).toEqual([])
    await name.fill('Lab')
    await page.getByLabel('Account e-mail').fill('lab@elsewhere.example')
    await page.getByRole('textbox', { name: 'Administrator' }).fill('')
    await press('Open the account')
    await expect.poll(said).toContain('HTTP 403')
    await expect.poll(() => wrong.count()).toBe(1)
    // The form makes the administrator's address from the name, so the reason names the address.
    await page.getByLabel('Account e-mail').fill('lab@example.com')
    await page.getByRole('textbox', { name: 'Administrator' }).fill('a..b')
    await press('Open the account')
    await expect.poll(told).toEqual(['a..b@example.com must be an e-mail address like ada@example.com'])
  })

  /** The execution that the page shows. */
  const chosen = () => executions().and(page.locator('[aria-pressed="true"]')).innerText()

  test('a request that is sent again is told as made before, and is shown', async () => {
    await open()
    const send = async () => {
      await page.getByLabel('Account name').fill('Twice')
      await press('Open the account')
    }
    await send()
    await expect.poll(said).toContain('The request is accepted')
    await request('Twice').getByText('ready', { exact: true }).waitFor()
    // The newest request is another one, and its details are open.
    await openBy('Answer lost')
    await opened('Vended')
    await send()
    await expect.poll(said).toMatch(/^This request was made before, at .*\d\d:\d\d:\d\d\. .* Status: ready\./)
    expect(await request('Twice').count()).toBe(1)
    await request('Twice').getByText('RecordVended').waitFor()
    expect(await request('Twice').locator('summary:focus').count()).toBe(1)
    await expect.poll(chosen).toMatch(/^Twice through the API/)
    // The form keeps what it was filled with, so that a person can change it.
    expect(await page.getByLabel('Account name').inputValue()).toBe('Twice')
  })

  test('the page shows the opening, not the event about the account that was opened', async () => {
    await open()
    await openBy('Answer lost')
    await opened('Vended')
    await newest('AlreadyInProgress')
    expect(await executions().first().innerText()).toContain('by an event')
    await page.reload()
    await executions().first().waitFor()
    expect(await chosen()).toMatch(/through the API\s+Vended/)
    // The last states of the event's execution take no time.
    await executions().first().click()
    await page.getByText('Ended at: AlreadyInProgress').waitFor()
    expect(await cutOff()).toEqual([])
  })

  test('another account has the address: the request fails, and a new start with another address succeeds', async () => {
    await open()
    await openBy('Address taken')
    await opened('EmailAlreadyExistsError')
    await page.locator('.requests li').first().getByText('Another AWS account has this address already').waitFor()
    const corrected = page.getByLabel('Input for request.json')
    const input = JSON.parse(await corrected.inputValue()) as { name: string; email: string }
    expect(Object.keys(input)).toEqual(['name', 'email'])
    input.email = `corrected-${input.name.toLowerCase()}@example.com`
    await corrected.fill(JSON.stringify(input))
    await press('Start again')
    await executions().filter({ hasText: 'manually' }).first().filter({ hasText: 'Vended' }).waitFor()
  })

  test.each([390, 1280])('a long name and a long failure are shown whole at a width of %i', async (width) => {
    await open({ viewport: { width, height: 900 } })
    const name = `W${width}`.padEnd(50, 'W')
    await page.getByLabel('Account name').fill(name)
    // The account named Website has this address.
    await page.getByLabel('Account e-mail').fill('website@example.com')
    await press('Open the account')
    await request(name).getByText('failed', { exact: true }).waitFor()
    await request(name)
      .getByText(/website@example\.com/)
      .first()
      .waitFor()
    await inbox().filter({ hasText: name }).waitFor()
    expect(await cutOff()).toEqual([])
    // The list scrolls, but not before the end of the failure.
    const advice = request(name).getByText('Send a corrected request.')
    const [box, end] = [await page.getByRole('list', { name: 'Requests' }).boundingBox(), await advice.boundingBox()]
    expect(end!.y + end!.height).toBeLessThanOrEqual(box!.y + box!.height)
  })

  test('Organizations creates as many as it can: the opening says that it waits, and goes on', async () => {
    await open()
    await openBy('Too many at once')
    await page.getByText(/^Waits for .*\. Tries again at [\d-]*,? ?\d\d:\d\d:\d\d at the latest\.$/).waitFor()
    await page
      .locator('.timeline li')
      .filter({ hasText: /WaitForTurn.*\d+ times\./s })
      .waitFor()
    await opened('Vended')
  })

  test('Organizations cannot create the account: a redrive goes on', async () => {
    await open()
    await openBy('Creation fails')
    await opened('AccountCreationFailedError')
    await press('Redrive')
    await opened('Vended')
  })

  test('the answer of CreateAccount is lost: there is one account', async () => {
    await open()
    await openBy('Answer lost')
    await opened('Vended')
    const name = (await opening().innerText()).split(/ (?:by |manually|through )/)[0] ?? ''
    expect(
      await page
        .locator('tbody th')
        .filter({ hasText: new RegExp(`^${name}\\d{12}`) })
        .count(),
    ).toBe(1)
  })
})

test('with approval: required, the page approves and declines', async () => {
  const approvers = ['arn:aws:iam::111122223333:role/approvers']
  const other = await npmStart(port + 40, '--config', vendingFile({ approval: 'required', approvers }))
  await other.told('where you can start more')
  await open()
  await page.goto(other.url)
  await page.locator('.graph svg').waitFor()
  await page.getByLabel('Account name').fill('First')
  await press('Open the account')
  await page.locator('.requests li').first().getByText('waits for an approver').waitFor()
  await inbox().filter({ hasText: 'First' }).waitFor()
  expect(await executions().count()).toBe(3)
  // An approver has 7 days, so the time is never one of today.
  const days = 7 * 24 * 60 * 60 * 1000
  const { requests } = (await (await fetch(`${other.url}/snapshot`)).json()) as Snapshot
  const until = new Date(Date.parse(requests[0]!.requestedAt) + days).toISOString()
  await page.getByText(`Waits for approval, at most until ${until.slice(0, 10)} ${until.slice(11, 19)}.`).waitFor()
  await page.getByLabel('Account name').fill('First')
  await press('Open the account')
  await expect.poll(said).toMatch(/^This request was made before, at .* Status: waits for an approver\.$/)
  await press('Approve')
  await expect.poll(said).toContain('The request is approved')
  await page.locator('.requests li').first().getByText('ready', { exact: true }).waitFor()
  await page.getByLabel('Account name').fill('Second')
  await press('Open the account')
  await press('Decline')
  await page.locator('.requests li').first().getByText('declined', { exact: true }).waitFor()
  expect(await executions().filter({ hasText: 'Second' }).count()).toBe(0)
  // The page would say that its stream of events ended.
  await page.goto('about:blank')
  expect(await other.interrupt()).toBe(0)
})

test('says who was made and who was kept', async () => {
  await open()
  await door('Manually').getByLabel('Account').selectOption('555555555555')
  await vendBy('Start an execution')
  // The old account has its own Administrator, whom the vend keeps.
  expect(await state('Kept').getAttribute('data-status')).toBe('SUCCEEDED')
  expect(await executions().first().innerText()).toMatch(/Vended, Administrator kept$/)
  await page.getByRole('heading', { name: 'Legacy: Vended, Administrator kept' }).waitFor()
  await page.getByText('No user was created. Administrator was in the account already').waitFor()

  await page.getByText('Change the input').click()
  await page.getByLabel('Input').fill(
    JSON.stringify({
      accountId: '555555555555',
      admins: [{ userName: 'joan', email: 'joan@example.com' }, { userName: 'Administrator' }],
    }),
  )
  await vendBy('Start an execution')
  await newest('Vended, joan created, Administrator kept')
})

test.each([360, 768, 1280])(
  'at a width of %i, each answer stands beside the button that was pressed',
  async (width) => {
    await open({ viewport: { width, height: 640 } })
    for (const button of [
      'Open the account',
      'Create an account',
      'Start an execution',
      'Send a request',
      'Duplicate event',
      'Event not delivered',
      'Suspended',
      'Mail bounces',
      'Address taken',
      // The last one, since its execution must be the newest below.
      'Denied by policy',
    ]) {
      const pressed = page.getByRole('button', { name: button, exact: true })
      await pressed.evaluate((one) => one.scrollIntoView({ block: 'center' }))
      await pressed.click()
      const answer = page.getByRole('status').filter({ hasText: /[.}]/ })
      await answer.waitFor()
      const [place, text] = [await pressed.boundingBox(), await answer.boundingBox()]
      expect(text!.y - place!.y, button).toBeLessThan(200)
      // The button was in the middle. What goes on elsewhere on the page may have moved both since.
      const fromMiddle = text!.y - (place!.y + place!.height / 2)
      expect(fromMiddle + Math.min(text!.height, 40), button).toBeLessThan(320)
      expect(fromMiddle, button).toBeGreaterThan(-320)
    }
    await newest('DeniedByPolicyError')
    await press('Redrive')
    const answer = page.getByRole('status').filter({ hasText: 'will fail again' })
    await answer.waitFor()
    // The other vends still change the page above, so only the distance counts here.
    // The button is not there while the redriven execution runs.
    const distance = async () => {
      const [button, told] = [
        await page.getByRole('button', { name: 'Redrive' }).boundingBox(),
        await answer.boundingBox(),
      ]
      return button && told ? Math.abs(told.y - button.y) : undefined
    }
    await expect.poll(distance, { timeout: 30_000 }).toBeLessThan(200)
  },
)

test.each([360, 768])(
  'at a width of %i, the graph shows the state that waits or failed, or else the start',
  async (width) => {
    await open({ viewport: { width, height: 640 } })
    const isInSight = (name: string) =>
      state(name).evaluate((one) => {
        const place = one.getBoundingClientRect()
        const frame = one.closest('div.graph')!.getBoundingClientRect()
        return place.left >= frame.left && place.right <= Math.min(frame.right, innerWidth)
      })
    const scrolled = () => page.locator('div.graph').evaluate((one) => one.scrollLeft)
    await executions().filter({ hasText: 'Vended, ' }).last().click()
    await page.getByText('Ended at: RecordVended').waitFor()
    expect(await scrolled()).toBe(0)
    await press('Role not ready')
    await page.locator('[id="state-CreateAdminGroup"][data-status="WAITING"]').waitFor()
    await page.getByText('Now: CreateAdminGroup waits for a retry').waitFor()
    await expect.poll(() => isInSight('CreateAdminGroup')).toBe(true)
    await newest('Vended')
    await press('Denied by policy')
    await newest('DeniedByPolicyError')
    await page.getByText('Failed at: CreateAdminUser').waitFor()
    await expect.poll(() => isInSight('CreateAdminUser')).toBe(true)
    // An execution that has succeeded is shown from its start.
    await executions().filter({ hasText: 'Vended, ' }).first().click()
    await page.getByText('Ended at: RecordVended').waitFor()
    await expect.poll(scrolled).toBe(0)
  },
)

describe('recovers from a fault:', () => {
  test('a role that is not ready: the step waits and succeeds on a retry', async () => {
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

  test('a duplicate event: one execution vends, and the other succeeds without a vend', async () => {
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

  test('a policy that forbids users: the page shows the notice, and a redrive succeeds after the policy is lifted', async () => {
    await open()
    await press('Denied by policy')
    await newest('DeniedByPolicyError')
    expect(await state('CreateAdminUser').getAttribute('data-status')).toBe('FAILED')
    await inbox().filter({ hasText: 'failure notice' }).first().click()
    await page
      .frameLocator('iframe')
      .getByText(/redrive/)
      .first()
      .waitFor()
    // What helps comes first, and only what helps now has the colour of the main button.
    const buttons = page.locator('.go-on').getByRole('button', { name: /Lift|Redrive/ })
    // The test cannot compare colours: the mouse is on a button, which changes the colour.
    const looks = () => buttons.evaluateAll((all) => all.map((one) => one.getAttribute('class') ?? ''))
    expect(await buttons.allInnerTexts()).toEqual(['Lift the policy', 'Redrive'])
    expect(await looks()).toEqual(['', 'secondary'])
    await press('Redrive')
    const answer = page.getByRole('status').filter({ hasText: 'will fail again: a policy denies iam:CreateUser' })
    await answer.waitFor()
    expect(await answer.getAttribute('class')).toBe('waiting')
    // If the policy were lifted earlier, the redriven execution would not fail.
    await page.getByText('DeniedByPolicyError (redriven 1 ×)').waitFor()
    await press('Lift the policy')
    await expect.poll(() => buttons.allInnerTexts()).toEqual(['Redrive'])
    expect(await looks()).toEqual([''])
    await press('Redrive')
    await newest('Vended')
    await page.getByText(/redriven \d ×/).waitFor()
  })
})

test('explains mistakes: invalid JSON, an event that no rule matches, a refused request', async () => {
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

test('an account that is suspended is vended by a redrive after it is active again', async () => {
  await open()
  await press('Suspended')
  await newest('AccountNotActiveError')
  await press('Make the account active')
  await expect.poll(said).toContain('Now redrive')
  await press('Redrive')
  await newest('Vended, Administrator created')
})

test('another obstacle than a policy comes before the redrive, too', async () => {
  await open()
  for (const [accountId, error, fix] of [
    ['666666666666', 'AccessRoleMissingError', 'Create the access role'],
    ['333333333333', 'AccountNotActiveError', 'Make the account active'],
  ] as const) {
    await door('Manually').getByLabel('Account').selectOption(accountId)
    await press('Start an execution')
    await newest(error)
    await press(fix)
    await expect.poll(said).toContain('Now redrive')
    await press('Redrive')
    await newest('Vended, Administrator created')
  }
})

/** Runs a command of the page in a terminal. */
const inTerminal = async (line: string) =>
  (await promisify(execFile)('bash', ['-c', line.replace(/^npx vend/, `node ${command}`)])).stdout

describe('a failure ends with its command:', () => {
  const shown = async () => (await page.locator('.go-on code').first().innerText()).trim()

  test('start the corrected input, on the page', async () => {
    await open()
    await page.getByText('Change the input').click()
    await page.getByLabel('Input').fill('{"accountId":"999999999999"}')
    await press('Start an execution')
    await newest('AccountNotFoundError')
    expect(await shown()).toBe(`npx vend start 999999999999 --file request.json --local ${port + 1}`)
    const corrected = page.getByLabel('Input for request.json')
    expect(await corrected.inputValue()).toBe('{"accountId":"999999999999"}')
    await corrected.fill('{"accountId":"777788889999","admins":[{"userName":"hedy","email":"hedy@example.com"}]}')
    await press('Start again')
    await newest('Vended, hedy created')
  })

  test('start again, in a terminal', async () => {
    await open()
    await door('Manually').getByLabel('Account').selectOption('111111111111')
    await press('Start an execution')
    await newest('ProtectedAccountError')
    expect(await shown()).toBe(`npx vend start 111111111111 --local ${port + 1}`)
    await expect(inTerminal(await shown())).rejects.toThrow(/protect/)
    expect(await page.getByRole('button', { name: 'Start again' }).count()).toBe(1)
  })

  test('redrive, in a terminal', async () => {
    await open()
    await press('Denied by policy')
    await newest('DeniedByPolicyError')
    await press('Lift the policy')
    await inTerminal(await shown())
    await newest('Vended')
  })
})

test('an event that was not delivered is a dead letter, and the command that is shown replays it', async () => {
  await open()
  const newestAccount = async () => (await executions().first().innerText()).split(/ (?:by |manually|through )/)[0]
  const before = await newestAccount()
  await press('Event not delivered')
  await expect.poll(said).toContain('dead-letter queue')
  expect(await newestAccount()).toBe(before)
  await page.reload()
  // Other tests make dead letters as well.
  await page.getByText(/^Dead-letter queue: \d+ messages?/).waitFor()
  const line = await door('Break something').locator('code').first().innerText()
  expect(line).toBe(`npx vend replay --local ${port + 1}`)
  expect(await inTerminal(line)).toContain('done, deleted')
  await expect.poll(newestAccount).not.toBe(before)
  await newest('Vended, Administrator created')
  await expect.poll(() => page.getByText(/^Dead-letter queue/).count()).toBe(0)
})

test('the commands to copy work in a terminal', async () => {
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
  expect(JSON.parse(await run('Open an account through the API'))).toMatchObject({ status: 'accepted' })
  expect(JSON.parse(await run('Request another administrator from the API'))).toMatchObject({ status: 'Accepted' })
  // The event about the account that is opened can start an execution later.
  await executions().filter({ hasText: 'outside created' }).first().waitFor()
})

test('the page links to the description of the API', async () => {
  await open()
  const link = page.getByRole('link', { name: 'openapi.json' })
  expect(await link.getAttribute('href')).toBe(`http://127.0.0.1:${port + 2}/openapi.json`)
  await link.click()
  const described = JSON.parse(await page.locator('pre').innerText()) as { openapi: string; paths: object }
  // The browser asks the API for an icon.
  problems.splice(0)
  expect(described.openapi).toMatch(/^3\.1/)
  expect(Object.keys(described.paths)).toContain('/accounts')
})

test('the keyboard reaches every control, and the focus is visible', async () => {
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

  // Tabs through the whole page: nothing may trap the focus, and each focused control must show an outline or a shadow.
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
      // When the focus is in a mail, it is on a link of the mail itself.
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

/** The texts that are not whole: beyond the page's edge, beyond the box that holds them, or too long for a select. */
const cutOff = () =>
  page.evaluate(() => {
    const isCut = (one: Element) => {
      const { right, left } = one.getBoundingClientRect()
      const box = one.closest('.scrolls, .requests ul, .list, .track, td, th, li')?.getBoundingClientRect()
      return right > Math.min(innerWidth, box?.right ?? Infinity) + 1 || left < -1
    }
    const isTooLong = (select: HTMLSelectElement) => {
      const { font, paddingLeft, paddingRight } = getComputedStyle(select)
      const pen = document.createElement('canvas').getContext('2d')!
      pen.font = font
      // An account's name may be longer than the narrowest screens.
      if (innerWidth < 360) return []
      const room = select.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)
      return [...select.options].filter(({ text }) => pen.measureText(text).width > room + 1)
    }
    const found = [
      ...[
        ...document.querySelectorAll(
          'button, select, h1, h2, h3, p, th, td, td *, summary *, .item *, .steps li, .command code, .bar',
        ),
      ].filter(isCut),
      ...[...document.querySelectorAll('select')].flatMap(isTooLong),
    ].map((one) => `${one.tagName}.${one.className}: ${one.textContent}`)
    const overflow = document.documentElement.scrollWidth - innerWidth
    return overflow > 0 ? [`the page, by ${overflow} px`, ...found] : found
  })

test.each([320, 390, 640, 768, 1024, 1100, 1280, 1440, 2560])('nothing is cut off at a width of %i', async (width) => {
  await open({ viewport: { width, height: 800 } })
  await page.getByText('Send your own event').click()
  expect(await cutOff()).toEqual([])
})

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  test.each([360, 1440])(
    'axe finds no violation at a width of %i',
    async (width) => {
      await open({ colorScheme, viewport: { width, height: 900 } })
      for (const summary of await page.locator('summary').all()) await summary.click()
      expect(await violations(page)).toEqual([])
      await page.getByLabel('Text').check()
      await press('Role not ready')
      await page.locator('[data-status="WAITING"]').waitFor()
      expect(await violations(page)).toEqual([])
      await newest('Vended')
      await press('Denied by policy')
      await newest('DeniedByPolicyError')
      expect(await violations(page)).toEqual([])
      await press('Open the account')
      await page.locator('.requests').getByText('ready', { exact: true }).first().waitFor()
      expect(await violations(page)).toEqual([])
      // Four runs of axe, and three vends.
    },
    180_000,
  )
})

describe('days pass, with a daily round on each:', () => {
  let days: typeof organization
  beforeAll(async () => {
    days = await npmStart(port + 10, '--config', vendingFile({ unclaimed: { removeAfterDays: 14 } }))
    await days.told('where you can start more')
  })
  afterAll(() => days?.interrupt())

  const rounds = () => executions().filter({ hasText: 'Daily round by the schedule' })
  const user = (accountName: string) => page.getByRole('row').filter({ hasText: accountName })
  const letPass = async (count: number) => {
    const before = await rounds().count()
    await page.getByLabel('Days', { exact: true }).fill(String(count))
    await press('Let the days pass')
    await expect.poll(said, { timeout: 120_000 }).toMatch(/daily round ran/)
    const ended = expect.stringMatching(/\d accounts? looked at/) as string
    await expect.poll(() => rounds().allInnerTexts()).toEqual(Array.from({ length: before + count }, () => ended))
  }

  test('reminders, the new link, the summary for the team, and the removal are shown', async () => {
    await open({}, days.url)
    await letPass(3)
    // The page shows the round: its graph, and what it found.
    await state('LookAtAccounts').waitFor()
    expect(await state('ReportRound').getAttribute('data-status')).toBe('SUCCEEDED')
    expect(await state('AuditRootCredentials').getAttribute('data-status')).toBe('NONE')
    await page.getByText('Ended at: ReportRound').waitFor()
    await user('Research')
      .getByText(/not signed in, reminder of day 2 sent on 20/)
      .first()
      .waitFor()
    expect(
      await inbox()
        .filter({ hasText: /Reminder/i })
        .count(),
    ).toBe(4)

    await letPass(6)
    await user('Payments')
      .getByText(/reminder of day 5 sent .*, link renewed on .*, platform team told on /)
      .waitFor()
    const finding = user('Payments').getByText('A link was not opened in time')
    await finding.click()
    await user('Payments')
      .getByText(/The daily round made a new link, which was mailed/)
      .waitFor()
    await inbox().filter({ hasText: 'The daily round' }).first().click()
    await page.locator('.mail pre').filter({ hasText: 'A link was not opened in time' }).waitFor()
    expect(await executions().filter({ hasText: 'Payments by the daily round' }).first().innerText()).toContain(
      'Vended',
    )
    expect(await violations(page)).toEqual([])

    await letPass(7)
    await user('Website')
      .getByText(/sign-in removed on /)
      .waitFor()
    expect(await user('Website').getByText('not signed in').count()).toBe(0)
    await executions()
      .filter({ hasText: /by the daily round\s*Removed/ })
      .first()
      .click()
    await state('RemoveAdministrators').waitFor()
  }, 240_000)

  test('a number of days that is not possible is told', async () => {
    await open({}, days.url)
    await page.getByLabel('Days', { exact: true }).fill('32')
    await press('Let the days pass')
    await expect.poll(said).toBe('days must be a whole number from 1 to 31')
    problems.splice(0)
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
