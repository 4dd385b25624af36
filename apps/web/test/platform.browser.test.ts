import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import { browserMissing, openPage } from './fixture/browser.ts'
import { pressPair } from './fixture/keys.ts'
import { type RunningPlatform, startPlatform } from './fixture/running-platform.ts'
import { ShopLedger } from './fixture/shop-ledger.ts'
import { withPageTold } from './fixture/told.ts'

const skip = browserMissing()
const writeScript = fileURLToPath(
  new URL('../../../dev/test/tracking/write-view.ts', import.meta.url),
)

/** One start of the whole for both: it is what takes the time. */
suite('the real platform', { skip }, () => {
  let platform: RunningPlatform
  before(async () => void (platform = await startPlatform()))
  after(() => platform?.[Symbol.asyncDispose]())

  test('an event is followed, a vote and a comment reach the aggregate, a failed event is mended, a past one replayed', async () => {
    await using opened = await openPage()
    const { page, errors } = opened
    await withPageTold(page, async () => {
      await page.goto(platform.url)
      await page.getByText(/^Live, all 12 parts ready/).waitFor()
      // Looked for from before the click on: it moves for the 5 s that its rate is a mean of, and the walk may take longer than that.
      const moving = page.locator('[data-edge="relay-topic"][data-moving="true"]').waitFor()
      await Promise.all([
        moving,
        page.getByRole('button', { name: 'Open a new thread' }).click(),
        page.getByText(/^Arrived in/).waitFor(),
      ])

      await page.getByRole('link', { name: 'Journey' }).click()
      await page.getByText('All done').waitFor()
      await page.getByText(/^discussion-analytics handled it/).waitFor()
      await page.getByText('Byte for byte what was written.').waitFor()

      await pressPair(page, 'g', 'e')
      await page.getByRole('link', { name: 'thread_created' }).first().waitFor()

      await pressPair(page, 'g', 'd')
      await page.getByRole('link', { name: 'Where does my click go?' }).click()
      const figure = (unit: string, value: string) =>
        page.locator(`[data-figure="${unit}"]`, { hasText: value }).waitFor()
      await figure('views', '1')
      await page.getByRole('button', { name: /^Up vote this thread/ }).click()
      await figure('up votes', '1')
      await page.keyboard.press('c')
      await page.keyboard.type('To be sure.')
      await page.keyboard.press('Control+Enter')
      await figure('comments', '1')
      // 1 view + 5 × 1 comment + 3 × 1 vote
      await page.locator('.engagement-score', { hasText: '9' }).waitFor()
      await page.getByText('1 view + 5 × 1 comment + 3 × 1 vote').waitFor()
      const threadId = new URL(page.url()).pathname.split('/').at(-1) ?? ''
      await mendInTheConsole(page, await platform.databaseUrl(), threadId)
      await replayInTheConsole(page, threadId)
    })
    assert.deepEqual(errors, [])
  })

  test('an order is confirmed; with payments broken in the Lab the next is rolled back by PAYMENT, with money and goods back; mended, the third is confirmed', async () => {
    await using opened = await openPage()
    const { page, errors } = opened
    const ledger = new ShopLedger(platform.url, 'MR-MUG')
    await withPageTold(page, async () => {
      const before = await ledger.goods()
      await page.goto(platform.url)
      const confirmed = await placeTwoMugs(page)
      await page.getByText('CONFIRMED', { exact: true }).first().waitFor()
      const paid = await ledger.after(confirmed, { payment: 'CAPTURED', stock: 'TAKEN' })
      assert.deepEqual(
        { onHand: before.onHand - paid.onHand, sold: paid.sold - before.sold },
        { onHand: 2, sold: 2 },
      )
      assert.deepEqual([paid.spentMills, paid.reservedMills, paid.reserved], [15_000, 0, 0])

      await goTo(page, 'Lab')
      await page.getByRole('button', { name: 'Switch on: Payment rejects' }).click()
      await page.getByRole('button', { name: 'Switch off: Payment rejects' }).waitFor()
      const rolledBack = await placeTwoMugs(page)
      await page.getByText('ROLLBACK PAYMENT', { exact: true }).first().waitFor()
      await page.getByText('The payment provider refuses the payment.').waitFor()
      await page.getByText('What a side had reserved goes back').waitFor()
      const ends = { payment: 'REFUSED', stock: 'RELEASED' }
      assert.deepEqual(await ledger.after(rolledBack, ends), paid)

      await goTo(page, 'Lab')
      await page.getByText('Rolled back by PAYMENT 1').waitFor()
      await page.getByRole('button', { name: 'Switch all off' }).click()
      await page.getByRole('button', { name: 'Switch on: Payment rejects' }).waitFor()
      await placeTwoMugs(page)
      await page.getByText('CONFIRMED', { exact: true }).first().waitFor()
      await goTo(page, 'Lab')
      await page.getByText('0 lost, 0 double: all 3 orders decided, once each').waitFor()

      await goTo(page, 'Overview')
      await page.getByText(/^Live, all 12 parts ready/).waitFor()
      const shop = page.getByRole('region', { name: 'The shop' })
      for (const part of ['users', 'catalog', 'orders', 'payments', 'stock', 'order-saga'])
        await shop.locator(`[data-part="${part}"]`, { hasText: 'ready' }).waitFor()
      await shop.locator('.flow-map').getByText('lag 0 records').nth(5).waitFor()
      await page.locator('.strip').getByText('0 orders', { exact: true }).waitFor()
    })
    assert.deepEqual(errors, [])
  })
})

/** By the bar at the top, inside the page: one that is left while it loads a part of itself says so as an error. */
async function goTo(page: Page, door: string): Promise<void> {
  await page.getByRole('link', { name: door, exact: true }).first().click()
  await page.getByRole('heading', { name: door, level: 1, exact: true }).waitFor()
}

/** On the page of orders, by its dialog. Leaves the page at the new order and returns its id. */
async function placeTwoMugs(page: Page): Promise<string> {
  await goTo(page, 'Orders')
  await page.getByRole('button', { name: 'Place an order' }).click()
  await page.getByLabel(/Mug with a mill wheel/).fill('2')
  await page.locator('.order-total').getByText('£15.00').waitFor()
  await page.getByRole('button', { name: 'Place order' }).click()
  await page.getByRole('heading', { name: /^Order \d+$/ }).waitFor()
  const id = /\/orders\/(\d+)$/.exec(new URL(page.url()).pathname)?.[1]
  assert.ok(id, page.url())
  return id
}

/** "A new user can take an event from pending to failed to mended in the console without reading anything." */
async function mendInTheConsole(page: Page, databaseUrl: string, threadId: string): Promise<void> {
  await page.getByRole('link', { name: 'Event log' }).click()
  await page.locator('.event-table').waitFor()
  // Long enough to be seen pending by a page that asks every 2 s, on a machine that does much else.
  const write = [writeScript, databaseUrl, threadId, 'a-course', '10000']
  const { stdout } = await promisify(execFile)(process.execPath, write)
  const row = page.locator('.event-table tbody tr', { hasText: stdout.trim().slice(-4) }).first()
  await row.getByText('pending', { exact: true }).waitFor()
  await row.getByText(/discussion-analytics failed/).waitFor()
  await row.getByRole('link', { name: 'Mend it at discussion-analytics' }).click()
  await page.getByRole('button', { name: 'Edit it, then redrive' }).click()
  const field = page.getByLabel('New payload')
  await field.fill((await field.inputValue()).replace('10000000000000000000', '1'))
  await page.getByRole('button', { name: 'See what it would do' }).click()
  await page.getByLabel('Why').fill('the count was nonsense')
  await page
    .getByRole('button', { name: 'Edit and redrive 1 event to group discussion-analytics' })
    .click()
  await page.getByRole('heading', { name: 'Mended: 1 event handled' }).waitFor()
  await page.getByRole('link', { name: 'thread_viewed' }).click()
  await page.getByText('All done').waitFor()
  await page.getByRole('link', { name: 'Failures' }).click()
  await page.getByRole('heading', { name: 'No failures, last 24 hours' }).waitFor()
}

/** Planned in the form, refused by the real service for what its handler is, forced, carried out by the real consumer. */
async function replayInTheConsole(page: Page, threadId: string): Promise<void> {
  await page.getByRole('link', { name: 'Operations', exact: true }).click()
  const plan = async (isForced: boolean): Promise<void> => {
    await page.getByRole('button', { name: 'Plan a replay' }).click()
    assert.equal(await page.getByLabel('Topic').inputValue(), 'discussion.events')
    await page.getByLabel('Only this type').fill('comment_added')
    await page.getByLabel('Only this key').fill(threadId)
    // The second that runs is not over yet when the form opens.
    await page.getByLabel('To, not included').fill('2100-01-01T00:00:00')
    if (isForced) await page.getByLabel(/^Also when it repeats effects/).check()
    await page.getByRole('button', { name: 'See what it would do' }).click()
  }
  await plan(false)
  await page.getByText(/adds to what it has built/).waitFor()
  assert.equal(await page.getByLabel('Why').count(), 0)
  await page.getByRole('link', { name: 'Operations' }).first().click()
  await plan(true)
  await page.getByRole('heading', { name: /^Replay 1 event to group/ }).waitFor()
  await page.getByText('It is forced: ').waitFor()
  await page.getByLabel('Why').fill('to see it counted twice')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: '1 event replayed' }).waitFor()
  await page.getByRole('link', { name: 'comment_added' }).click()
  await page.getByText(/^discussion-analytics handled it/).waitFor()
  await pressPair(page, 'g', 'd')
  await page.getByRole('link', { name: 'Where does my click go?' }).click()
  await page.locator('[data-figure="comments"]', { hasText: '2' }).waitFor()
}
