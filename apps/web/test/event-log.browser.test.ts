import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible } from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'

const skip = browserMissing()

test(
  'event log: both sides of each event; figures are filters; the address keeps them',
  { skip },
  async () => {
    await using house = await openHouse('/log')
    const { page } = house
    await page.waitForSelector('.event-table')
    const row = page.locator('.event-table tbody tr', { hasText: 'welcome_sent' })
    await row.getByText('published').waitFor()
    await row.getByText('letters failed, 3 attempts').waitFor()
    await row.getByText('discussion-analytics skipped').waitFor()
    await page.getByRole('button', { name: /failed now/ }).click()
    await page.locator('.event-table tbody tr').nth(2).waitFor({ state: 'detached' })
    assert.match(page.url(), /status=FAILED/)
    assert.equal(await page.locator('.event-table tbody tr').count(), 2)
    await page.goBack()
    await page.locator('.event-table tbody tr').nth(5).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test('event log: any id lands on its event, and says as what it was found', { skip }, async () => {
  await using house = await openHouse('/log')
  const { page, api } = house
  const event = api.tracking.events.at(-1)
  assert.ok(event)
  await page.waitForSelector('.event-table')
  await page.keyboard.press('/')
  await page.keyboard.type(event.eventId)
  await page.keyboard.press('Enter')
  await page.getByText('Found as event id').waitFor()
  assert.equal(await page.locator('.event-table tbody tr').count(), 1)
  await page.getByLabel('Find').fill('nothing like this')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Nothing matches' }).waitFor()
  await page.getByText(/id or text “nothing like this”/).waitFor()
  await page.getByRole('button', { name: 'Clear the filters' }).click()
  await page.locator('.event-table tbody tr').nth(5).waitFor()
})

test(
  'event log: new events come by themselves, but no row moves under the pointer',
  { skip },
  async () => {
    await using house = await openHouse('/log')
    const { page, api } = house
    await page.waitForSelector('.event-table')
    api.tracking.add({ eventType: 'seen_at_once' })
    await page.getByRole('link', { name: 'seen_at_once' }).waitFor()
    await page.locator('.event-table tbody tr').nth(3).hover()
    api.tracking.add({ eventType: 'held_back' })
    const chip = page.getByRole('button', { name: 'Paused, show 1 new event' })
    await chip.waitFor()
    assert.equal(await page.getByRole('link', { name: 'held_back' }).count(), 0)
    await page.keyboard.press('l')
    await page.getByRole('link', { name: 'held_back' }).waitFor()
    await page.keyboard.press('l')
    await page.getByRole('button', { name: 'Paused, go live' }).waitFor()
  },
)

test('event log: a refused event is published again, from its row', { skip }, async () => {
  await using house = await openHouse('/log?status=FAILED')
  const { page, api } = house
  await page.getByRole('button', { name: 'Publish again' }).click()
  await page.getByText('sent again').waitFor()
  // It is FAILED no more, so it leaves this view; but not from under the pointer.
  assert.equal(await page.getByRole('link', { name: 'comment_edited' }).count(), 1)
  await page.mouse.move(5, 5)
  await page.getByRole('link', { name: 'comment_edited' }).waitFor({ state: 'detached' })
  assert.equal(api.tracking.retried.length, 1)
})

test(
  'event log: a database that is away, a scan that stopped, and a failure are each said so',
  { skip },
  async () => {
    await using house = await openHouse('/log', {}, (api) => {
      api.tracking.unreachable = [{ service: 'letters', reason: 'connection refused.' }]
      api.tracking.scannedFrom = new Date(Date.now() - 3_600_000).toISOString()
    })
    const { page, api } = house
    await page.getByText('Not everything could be asked').waitFor()
    await page.getByText('letters').first().waitFor()
    await page.getByText(/Searched back to/).waitFor()
    await page.getByRole('button', { name: 'Search further back' }).waitFor()
    api.faults.push({
      path: '/api/tracking/events',
      status: 503,
      problem: { title: 'None of the databases answers', code: 'MR_TRACKING_SOURCES_DOWN' },
    })
    await page.getByText('None of the databases answers').waitFor()
    // What was there stays, with its age.
    await page.getByText(/Shown: what came/).waitFor()
    assert.ok((await page.locator('.event-table tbody tr').count()) > 5)
  },
)

test(
  'event log: archived days that a search reached are named, and one is brought back',
  { skip },
  async () => {
    await using house = await openHouse('/log?q=comment_edited&range=all', {}, (api) => {
      const day = { firstDay: '2026-01-02', lastDay: '2026-01-02', events: 1_234 }
      api.tracking.archived.push({ service: 'discussions', side: 'production', ...day })
    })
    const { page } = house
    const notice = page.getByRole('heading', { name: 'Archived days were not looked at' })
    await notice.waitFor()
    await page.getByText('production log of discussions, 1,234 events').waitFor()
    await page.getByText('Bring a day back').click()
    const act = page.getByRole('button', { name: 'Bring the day back' })
    assert.equal(await act.isDisabled(), true, 'no act without a reason')
    await page.getByLabel('Why').fill('a customer asks')
    await assertAccessible(page)
    await act.click()
    await notice.waitFor({ state: 'detached' })
  },
)

test(
  'event log: a raised alert is shown in words, with its journey, until it is over',
  { skip },
  async () => {
    await using house = await openHouse('/log', {}, (api) => {
      api.tracking.alerts.push({
        alertId: 'pending-count:discussions',
        service: 'discussions',
        isRaised: true,
        message: '1200 events of discussions wait for the relay.',
        raisedAt: new Date().toISOString(),
        correlationId: api.tracking.events[0]?.['correlationId'],
      })
    })
    const { page, api } = house
    await page.getByRole('heading', { name: 'One alert raised' }).waitFor()
    await page.getByText('1200 events of discussions wait for the relay.').waitFor()
    await page.getByRole('link', { name: 'journey of the alert' }).waitFor()
    await assertAccessible(page)
    Object.assign(api.tracking.alerts[0] as object, { isRaised: false })
    await page.getByRole('heading', { name: 'One alert raised' }).waitFor({ state: 'detached' })
  },
)

test('event log: nothing yet says what makes it appear', { skip }, async () => {
  await using house = await openHouse('/log', {}, (api) => (api.tracking.events.length = 0))
  await house.page.getByRole('heading', { name: 'No events in the last hour' }).waitFor()
  await house.page.getByRole('button', { name: /Look at all that is kept/ }).click()
  await house.page.getByRole('heading', { name: 'No events yet' }).waitFor()
})

test(
  'journey: from the log to the failing line, by keyboard; the stack is folded',
  { skip },
  async () => {
    await using house = await openHouse('/log?status=FAILED')
    const { page } = house
    await page.getByRole('link', { name: 'welcome_sent' }).waitFor()
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Journey' }).waitFor()
    await page.getByText('Stopped on the way').waitFor()
    await page
      .getByText('letters gave it up after 3 attempts: MailRefused: mailbox of grace is full.')
      .waitFor()
    await page.getByText('discussion-analytics skipped it').waitFor()
    assert.equal(await page.getByText('at send (mail.ts:12:7)').isVisible(), false)
    await page.getByText('MailRefused: mailbox of grace is full', { exact: true }).click()
    await page.getByText('at send (mail.ts:12:7)').waitFor()
    // The cause stands before what it caused.
    const events = await page.locator('.story > li > h2 > button').allTextContents()
    assert.deepEqual(events, ['thread_created', 'welcome_sent'])
    // The event one came by is open, its big number untouched.
    await page.getByText('12345678901234567890').waitFor()
    await page.getByText('Byte for byte what was written.').first().waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'journey: sequence and timeline, each in the address, each with its words',
  { skip },
  async () => {
    await using house = await openHouse('/log?status=FAILED')
    const { page } = house
    await page.getByRole('link', { name: 'welcome_sent' }).click()
    await page.getByRole('link', { name: 'Sequence' }).click()
    await page.locator('.sequence .arrow').nth(3).waitFor()
    assert.match(page.url(), /view=sequence/)
    await page.getByText('In words').click()
    await page
      .getByRole('button', { name: 'discussion.events to letters: welcome_sent, failed' })
      .waitFor()
    await page.getByRole('link', { name: 'Timeline' }).click()
    await page.getByText('3 hops').waitFor()
    await page.getByText('As a table').click()
    await page.getByRole('columnheader', { name: 'handler at work' }).waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test('journey: a payload that differs at a hop is shown as a difference', { skip }, async () => {
  await using house = await openHouse('/', {}, (api) => {
    api.tracking.add({
      aggregateId: 'order-7',
      consumptions: [{ payloadText: '{"eventId":"other"}' }],
    })
  })
  await house.page.goto(`${house.base}/journeys/order-7`)
  await house.page.locator('.diff [data-mark="+"]', { hasText: 'other' }).waitFor()
})

test('journey: followed until it is quiet', { skip }, async () => {
  await using house = await openHouse('/', {}, (api) => {
    api.tracking.add({
      aggregateId: 'order-8',
      production: { status: 'PENDING' },
      consumptions: [],
    })
  })
  const { page, api } = house
  await page.goto(`${house.base}/journeys/order-8`)
  await page.getByText('It waits in the outbox for the relay.').waitFor()
  await page.getByText('Under way').waitFor()
  const event = api.tracking.events[0]
  Object.assign(event?.['production'] as object, { status: 'PUBLISHED' })
  await page.getByText(/it was published to discussion.events/).waitFor()
  await page.getByText('All done').waitFor()
})

test(
  'journey: one that failed long ago shows by itself that it was mended, also where the browser takes itself to be offline',
  { skip },
  async () => {
    await using house = await openHouse('/', {}, (api) => {
      const long = new Date(Date.now() - 3_600_000).toISOString()
      api.tracking.add({
        atMs: Date.now() - 3_600_000,
        aggregateId: 'order-9',
        consumptions: [{ status: 'FAILED', updatedAt: long, errorMessage: 'no' }],
      })
    })
    const { page, api } = house
    await page.goto(`${house.base}/journeys/order-9`)
    await page.getByText('Stopped on the way').waitFor()
    await page.evaluate(() => window.dispatchEvent(new Event('offline')))
    const rows = api.tracking.events[0]?.['consumptions'] as object[] | undefined
    Object.assign(rows?.[0] ?? {}, { status: 'PROCESSED', errorMessage: null })
    await page.getByText('All done').waitFor()
  },
)

test('journey: an id that no log knows', { skip }, async () => {
  await using house = await openHouse('/journeys/nobody')
  await house.page.getByRole('heading', { name: 'No log knows this id' }).waitFor()
  await house.page.getByRole('link', { name: 'To the event log' }).waitFor()
})
