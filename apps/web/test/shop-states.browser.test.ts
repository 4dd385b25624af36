import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertAccessible } from './fixture/accessibility.ts'
import { browserMissing } from './fixture/browser.ts'
import { openHouse } from './fixture/house.ts'
import type { MockFault } from './fixture/mock-api.ts'

const skip = browserMissing()

/** The pages that ask again by themselves while one looks at them, and what shows that they have an answer. */
const pages = [
  {
    name: 'streams',
    path: '/streams',
    api: '/api/streams',
    shown: '.stream-figures',
    loading: 'Loading the stream app',
  },
  {
    name: 'lab',
    path: '/lab',
    api: '/api/lab',
    shown: '.lab-fault',
    loading: 'Loading the lab',
  },
] as const

const away = (path: string): MockFault => ({
  path,
  status: 503,
  problem: {
    title: 'The service does not answer',
    detail: 'Nothing was changed.',
    code: 'MR_GATEWAY_SERVICE_DOWN',
  },
})

for (const { name, path, api: apiPath, shown, loading } of pages) {
  test(
    `${name}: the shape of what comes is there until it is, and no problem`,
    { skip },
    async () => {
      const held = Promise.withResolvers<void>()
      await using house = await openHouse(path, {}, (api) => {
        api.faults.push({ path: apiPath, status: 200, until: held.promise })
      })
      const { page } = house
      await page.getByRole('status', { name: loading }).waitFor()
      assert.equal(await page.getByRole('alert').count(), 0)
      assert.equal(await page.locator(shown).count(), 0)
      held.resolve()
      await page.locator(shown).first().waitFor()
      await page.getByRole('status', { name: loading }).waitFor({ state: 'detached' })
      assert.deepEqual(house.errors, [])
    },
  )

  test(
    `${name}: when it cannot be had, the page says why and with which code, and has it on the next try`,
    { skip },
    async () => {
      await using house = await openHouse(path, {}, (api) => void api.faults.push(away(apiPath)))
      const { api, page } = house
      const alert = page.getByRole('alert')
      await alert.getByRole('heading', { name: 'The service does not answer' }).waitFor()
      await alert.getByText('MR_GATEWAY_SERVICE_DOWN').waitFor()
      // Nothing came yet, so nothing is said to be shown.
      assert.equal(await alert.getByText(/Shown: what came/).count(), 0)
      assert.equal(await page.locator(shown).count(), 0)
      await page.getByRole('button', { name: 'Try again' }).waitFor()
      await assertAccessible(page)
      // It asks again by itself, and what it says stays meanwhile: it neither flickers nor is read out again.
      await alert.evaluate((element) => element.setAttribute('data-seen', ''))
      for (const _ of [1, 2])
        await page.waitForResponse((response) => response.url().includes(apiPath))
      await page.locator('[role="alert"][data-seen]').waitFor()
      api.faults.length = 0
      await page.locator(shown).first().waitFor()
      await alert.waitFor({ state: 'detached' })
      assert.deepEqual(house.errors, [])
    },
  )

  test(
    `${name}: what was there stays, with its age, while the service is away; then it is live again`,
    { skip },
    async () => {
      await using house = await openHouse(path)
      const { api, page } = house
      await page.locator(shown).first().waitFor()
      api.faults.push(away(apiPath))
      await page
        .getByRole('alert')
        .getByText(/Shown: what came/)
        .waitFor()
      assert.ok((await page.locator(shown).count()) > 0)
      // By itself: a button that goes away with the problem cannot be counted on.
      api.faults.length = 0
      await page.getByRole('alert').waitFor({ state: 'detached' })
      assert.deepEqual(house.errors, [])
    },
  )

  test(`${name}: who may not look is told so, without a retry`, { skip }, async () => {
    await using house = await openHouse(path, {}, (api) => {
      api.faults.push({
        path: apiPath,
        status: 403,
        problem: { title: 'This is for staff', code: 'MR_HTTP_FORBIDDEN' },
      })
    })
    const { page } = house
    await page.getByRole('heading', { name: 'Not allowed: This is for staff' }).waitFor()
    assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0)
    assert.deepEqual(house.errors, [])
  })
}

test(
  'streams: an app whose tasks are being dealt out says so, and knows no lag',
  { skip },
  async () => {
    await using house = await openHouse('/streams', {}, ({ shop }) => {
      shop.streams.isRebalancing = true
    })
    const { page } = house
    await page.getByText('rebalancing', { exact: true }).waitFor()
    await page.getByText(/being dealt out/).waitFor()
    await page.getByText('Not known yet.').waitFor()
    const lag = page.locator('.stream-figures > div', {
      has: page.locator('dt', { hasText: /^lag$/ }),
    })
    assert.equal(await lag.locator('dd.figure').textContent(), '–')
    await assertAccessible(page)
    assert.deepEqual(house.errors, [])
  },
)

test('lab: where there is none, the page says so and leads on', { skip }, async () => {
  await using house = await openHouse('/lab', {}, (api) => {
    api.faults.push({
      path: '/api/lab',
      status: 404,
      problem: { title: 'Not Found', code: 'MR_HTTP_NO_ROUTE', detail: 'No service has this.' },
    })
  })
  const { page } = house
  await page.getByRole('heading', { name: 'There is no lab here' }).waitFor()
  await page.getByText('No service has this.').waitFor()
  await assertAccessible(page)
  await page.getByRole('link', { name: 'To the Overview', exact: true }).click()
  await page.getByRole('heading', { name: 'Overview' }).waitFor()
  assert.deepEqual(house.errors, [])
})

test(
  'lab: a switch that the part refuses stays as it was, and says why beside it',
  { skip },
  async () => {
    await using house = await openHouse('/lab')
    const { api, page } = house
    await page.getByText('No orders yet: place some to see.').waitFor()
    const card = page.getByRole('article').filter({ hasText: 'Payment rejects' })
    const refused = { title: 'payments did not answer', code: 'MR_LAB_FAULT_NOT_DONE' }
    api.faults.push({ path: '/api/lab/faults', status: 503, problem: refused, method: 'PUT' })
    await page.getByRole('button', { name: 'Switch on: Payment rejects' }).click()
    await card.getByRole('alert').getByText('payments did not answer').waitFor()
    await page.getByRole('button', { name: 'Switch on: Payment rejects' }).waitFor()
    assert.equal(api.shop.faultsOn.size, 0)
    await assertAccessible(page)

    api.faults.length = 0
    await page.getByRole('button', { name: 'Switch on: Payment rejects' }).click()
    await page.getByRole('button', { name: 'Switch off: Payment rejects' }).waitFor()
    await card.getByRole('alert').waitFor({ state: 'detached' })
    api.faults.push({ path: '/api/lab/reset', status: 503, problem: refused })
    await page.getByRole('button', { name: 'Switch all off' }).click()
    await page.getByRole('alert').getByText('payments did not answer').waitFor()
    assert.deepEqual([...api.shop.faultsOn], ['payment-rejects'])
    assert.deepEqual(house.errors, [])
  },
)
