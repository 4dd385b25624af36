import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible, assertNoSidewaysScroll } from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'

const skip = browserMissing()

test(
  'streams: tasks with owners and copies, stores, restores, and the topology with its rates',
  { skip },
  async () => {
    await using house = await openHouse('/streams')
    const { page } = house
    const task = page.getByRole('row').filter({ hasText: '0_4' })
    await task.getByRole('cell', { name: '127.0.0.1:9094' }).waitFor()
    await task.getByRole('cell', { name: '127.0.0.1:8094' }).waitFor()
    assert.equal(await page.locator('.topology-node').count(), 5)
    await page.getByText('1,200 records left').waitFor()
    await page.getByText('about 120 entries').waitFor()
    await page.getByText('7 records behind').waitFor()
    // Two answers apart, so both are known: what sources read, and what the sink writes.
    const flows = page.locator('.topology-flow text')
    await flows
      .filter({ hasText: /^[1-9].* \/s$/ })
      .nth(2)
      .waitFor()
    await flows.filter({ hasText: 'lag 15' }).first().waitFor()
    await page.getByText('Topology as text').click()
    await page.getByText('Sub-topology: 0').waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'streams: the app is paused after a question and with a reason, says so, and goes on',
  { skip },
  async () => {
    await using house = await openHouse('/streams')
    const { api, page } = house
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Pause order-saga?' })
    await dialog.waitFor()
    assert.ok(await dialog.getByRole('button', { name: 'Pause the app' }).isDisabled())
    await assertAccessible(page)
    await dialog.getByRole('button', { name: 'Leave it' }).click()
    await dialog.waitFor({ state: 'hidden' })
    assert.equal(api.shop.streams.isPaused, false)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    await dialog.getByLabel('Why').fill('payments are being mended')
    api.faults.push({
      path: '/api/streams/order-saga/pause',
      status: 403,
      problem: { title: 'Forbidden', code: 'MR_HTTP_FORBIDDEN', detail: 'This is for admin only.' },
    })
    await dialog.getByRole('button', { name: 'Pause the app' }).click()
    await dialog.getByText('This is for admin only.').waitFor()
    api.faults.length = 0
    await dialog.getByRole('button', { name: 'Pause the app' }).click()
    await page.getByRole('heading', { name: 'Paused: nothing is decided' }).waitFor()
    await page.getByRole('status').getByText('payments are being mended').waitFor()
    assert.equal(api.shop.streams.isPaused, true)
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Resume', exact: true }).click()
    await page.getByLabel('Why').fill('they are mended')
    await page.getByRole('button', { name: 'Resume the app' }).click()
    await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
    assert.equal(api.shop.streams.isPaused, false)
  },
)

test(
  'streams: an instance that cannot be asked is named, a pause that did not reach it says so, and one that is paused in part too',
  { skip },
  async () => {
    await using house = await openHouse('/streams', {}, ({ shop }) => {
      shop.streams.isOtherAway = true
    })
    const { api, page } = house
    const away = page.getByRole('status').filter({ hasText: '1 instance cannot be asked' })
    await away.getByText('It did not answer: connect ECONNREFUSED').waitFor()
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Pause', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Pause order-saga?' })
    await dialog.getByLabel('Why').fill('payments are being mended')
    await dialog.getByRole('button', { name: 'Pause the app' }).click()
    await dialog.getByRole('heading', { name: '1 instance could not be paused' }).waitFor()
    await assertAccessible(page)
    await dialog.getByRole('button', { name: 'Leave it' }).click()
    api.shop.streams.isOtherAway = false
    api.shop.streams.isOtherFresh = true
    await page.getByRole('heading', { name: 'Paused in part: 127.0.0.1:8094' }).waitFor()
    await page.getByRole('button', { name: 'Resume', exact: true }).waitFor()
    api.shop.streams.isOtherFresh = false
    await page.getByRole('heading', { name: 'Paused: nothing is decided' }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Pause', exact: true }).count(), 0)
    await away.waitFor({ state: 'hidden' })
    assert.deepEqual(house.errors, [])
  },
)

test(
  'streams: the store browser finds ranges, keys and windows, and says who has them',
  { skip },
  async () => {
    await using house = await openHouse('/streams?store=orders&find=keys')
    const { page } = house
    await page.getByText('50 rows as committed').waitFor()
    await page.getByText('3 records behind').waitFor()
    await assertAccessible(page)
    const rows = page.locator('.store-table tbody tr')
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByText('100 rows as committed').waitFor()
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByText('120 rows as committed').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Show more' }).count(), 0)
    await page.getByRole('button', { name: '7', exact: true }).click()
    await page.getByText('partition 0', { exact: true }).waitFor()
    await page.getByText('"totalMills": 7500').waitFor()
    assert.equal(await rows.count(), 1)
    assert.equal(new URL(page.url()).search, '?store=orders&find=key&key=7')
    await page.getByRole('combobox', { name: 'Store', exact: true }).selectOption('per-minute')
    await page.getByRole('combobox', { name: 'Find', exact: true }).selectOption('keys')
    await page.getByLabel('Since (UTC)').fill('2026-01-01T11:00:00')
    await page.getByRole('button', { name: 'Look', exact: true }).click()
    await page.getByText('2026-01-01T12:00:00.000Z').waitFor()
    await page.goBack()
    await page.getByText('"totalMills": 7500').waitFor()
    assert.deepEqual(house.errors, [])
  },
)

test(
  'streams: a key that is none, a store that is none, and one that cannot be read just now say so',
  { skip },
  async () => {
    await using house = await openHouse('/streams?store=orders&find=key&key=999', { width: 390 })
    const { api, page } = house
    await page.getByText('The store orders has no such key.').waitFor()
    await page.getByText('partition 4', { exact: true }).waitFor()
    await assertNoSidewaysScroll(page)
    await page.getByRole('textbox', { name: 'Key', exact: true }).fill('mug')
    await page.getByRole('button', { name: 'Look', exact: true }).click()
    await page.getByText('key is "mug", which is no key of the store').waitFor()
    await page.goto(`${house.base}/streams?store=answers&find=keys`)
    await page.getByRole('heading', { name: /no store answers/ }).waitFor()
    api.faults.push({
      path: '/api/streams/order-saga/stores',
      status: 503,
      problem: {
        title: 'Service Unavailable',
        code: 'MR_ORDER_SAGA_OWNER_AWAY',
        detail: 'The instance that has this part of the store does not answer',
      },
    })
    await page.goto(`${house.base}/streams?store=orders&find=keys`)
    await page.getByText('The instance that has this part of the store does not answer').waitFor()
    // Until then the page may ask again by itself, and the button be gone.
    await page.getByText(/^Live, all/).waitFor()
    api.faults.length = 0
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.getByText('50 rows as committed').waitFor()
    await assertNoSidewaysScroll(page)
  },
)
